{#- A name in clear text; NULL if the privacy policy has replaced it by a pseudonym or a mask. -#}
{% macro plain_name(column) -%}
    case when substring({{ column }}, 1, 3) not in ('pn_', '***') then {{ column }} end
{%- endmacro %}
