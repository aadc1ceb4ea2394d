{#-
    Elapsed seconds from one instant to another, whole, negative if reversed. Not dbt's datediff:
    on DuckDB that counts wall-clock seconds in the session's zone.
-#}
{% macro seconds_between(start_ts, end_ts) -%}
    {{ return(adapter.dispatch('seconds_between', 'callmart')(start_ts, end_ts)) }}
{%- endmacro %}

{% macro default__seconds_between(start_ts, end_ts) -%}
    cast(floor(extract(epoch from {{ end_ts }})) - floor(extract(epoch from {{ start_ts }})) as bigint)
{%- endmacro %}

{% macro bigquery__seconds_between(start_ts, end_ts) -%}
    unix_seconds({{ end_ts }}) - unix_seconds({{ start_ts }})
{%- endmacro %}


{#- An instant, so many seconds later; `seconds` is an SQL expression. -#}
{% macro add_seconds(ts, seconds) -%}
    {{ return(adapter.dispatch('add_seconds', 'callmart')(ts, seconds)) }}
{%- endmacro %}

{% macro default__add_seconds(ts, seconds) -%}
    {{ ts }} + ({{ seconds }}) * interval '1 second'
{%- endmacro %}

{% macro bigquery__add_seconds(ts, seconds) -%}
    timestamp_add({{ ts }}, interval ({{ seconds }}) second)
{%- endmacro %}
