{#- Every ratio of the marts: a double, NULL when there is nothing to divide by. -#}
{% macro safe_ratio(numerator, denominator) -%}
    {{ as_double(numerator) }} / nullif({{ denominator }}, 0)
{%- endmacro %}
