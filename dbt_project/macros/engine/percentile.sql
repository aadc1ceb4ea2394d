{#- The share-th percentile of a column over a group, interpolated. -#}
{% macro percentile(expression, share) -%}
    {{ return(adapter.dispatch('percentile', 'callmart')(expression, share)) }}
{%- endmacro %}

{% macro default__percentile(expression, share) -%}
    percentile_cont({{ share }}) within group (order by {{ expression }})
{%- endmacro %}

{#- BigQuery knows this function over windows alone, and approximate ones over groups: from the ordered values instead. -#}
{% macro bigquery__percentile(expression, share) -%}
    {%- set values = 'array_agg(' ~ expression ~ ' ignore nulls order by ' ~ expression ~ ')' -%}
    {%- set place = '(count(' ~ expression ~ ') - 1) * ' ~ share -%}
    {%- set lower = values ~ '[safe_offset(cast(floor(' ~ place ~ ') as int64))]' -%}
    {%- set upper = values ~ '[safe_offset(cast(ceil(' ~ place ~ ') as int64))]' -%}
    {{ lower }} + ({{ upper }} - {{ lower }}) * ({{ place }} - floor({{ place }}))
{%- endmacro %}
