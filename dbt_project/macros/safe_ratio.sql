{#- A ratio of the marts: a double, NULL if there is nothing to divide by. -#}
{% macro safe_ratio(numerator, denominator) -%}
    {{ as_double(numerator) }} / nullif({{ denominator }}, 0)
{%- endmacro %}
