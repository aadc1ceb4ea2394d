{#- When this run of dbt started, as an instant: the same for all its models. -#}
{% macro build_started_at() -%}
    {{ to_utc("cast('" ~ run_started_at.strftime('%Y-%m-%d %H:%M:%S') ~ "' as " ~ local_timestamp_type() ~ ")", "'UTC'") }}
{%- endmacro %}
