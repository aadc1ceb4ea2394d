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
