{#- The share-th percentile of a column over a group, interpolated. -#}
{% macro percentile(expression, share) -%}
    {{ return(adapter.dispatch('percentile', 'callmart')(expression, share)) }}
{%- endmacro %}

{% macro default__percentile(expression, share) -%}
    percentile_cont({{ share }}) within group (order by {{ expression }})
{%- endmacro %}

{% macro bigquery__percentile(expression, share) -%}
    approx_quantiles({{ expression }}, 1000)[offset({{ (share * 1000) | int }})]
{%- endmacro %}
