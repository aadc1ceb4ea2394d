{#- A name as it was given; NULL where the privacy policy left a pseudonym or a mask in its place. -#}
{% macro plain_name(column) -%}
    case when substring({{ column }}, 1, 3) not in ('pn_', '***') then {{ column }} end
{%- endmacro %}
