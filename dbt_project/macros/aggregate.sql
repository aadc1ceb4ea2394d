{#- The number of rows that meet a condition; 0 for none. -#}
{% macro count_where(condition) -%}
    count(case when {{ condition }} then 1 end)
{%- endmacro %}

{#- Sum of a whole number over the rows that meet a condition; 0 for none. -#}
{% macro sum_where(expression, condition) -%}
    {{ as_bigint('coalesce(sum(case when ' ~ condition ~ ' then ' ~ expression ~ ' end), 0)') }}
{%- endmacro %}

{#- Sum of a column of whole numbers; 0 for none. -#}
{% macro sum_of(expression) -%}
    {{ as_bigint('coalesce(sum(' ~ expression ~ '), 0)') }}
{%- endmacro %}
