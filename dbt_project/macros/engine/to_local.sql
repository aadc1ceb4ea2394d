{#- The wall clock of a zone at an instant, without zone; `zone` is an SQL expression. -#}
{% macro to_local(ts, zone) -%}
    {{ return(adapter.dispatch('to_local', 'callmart')(ts, zone)) }}
{%- endmacro %}

{% macro default__to_local(ts, zone) -%}
    timezone({{ zone }}, {{ ts }})
{%- endmacro %}

{% macro bigquery__to_local(ts, zone) -%}
    datetime({{ ts }}, {{ zone }})
{%- endmacro %}


{#- The instant at which a zone's wall clock shows a time: the inverse of to_local. -#}
{% macro to_utc(local_ts, zone) -%}
    {{ return(adapter.dispatch('to_utc', 'callmart')(local_ts, zone)) }}
{%- endmacro %}

{% macro default__to_utc(local_ts, zone) -%}
    timezone({{ zone }}, {{ local_ts }})
{%- endmacro %}

{% macro bigquery__to_utc(local_ts, zone) -%}
    timestamp({{ local_ts }}, {{ zone }})
{%- endmacro %}


{#- How many minutes a wall clock is ahead of UTC, from what it shows at an instant. -#}
{% macro utc_offset_minutes(local_ts, ts) -%}
    {{ return(adapter.dispatch('utc_offset_minutes', 'callmart')(local_ts, ts)) }}
{%- endmacro %}

{% macro default__utc_offset_minutes(local_ts, ts) -%}
    cast((extract(epoch from {{ local_ts }}) - extract(epoch from {{ ts }})) / 60 as bigint)
{%- endmacro %}

{% macro bigquery__utc_offset_minutes(local_ts, ts) -%}
    cast(round(datetime_diff({{ local_ts }}, datetime({{ ts }}, 'UTC'), second) / 60) as int64)
{%- endmacro %}
