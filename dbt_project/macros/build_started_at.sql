{#- The instant at which this run of dbt started, the same for all models. -#}
{% macro build_started_at() -%}
    {{ to_utc("cast('" ~ run_started_at.strftime('%Y-%m-%d %H:%M:%S') ~ "' as " ~ local_timestamp_type() ~ ")", "'UTC'") }}
{%- endmacro %}
