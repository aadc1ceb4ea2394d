{#- What a mart shows beside an id: the name, for -1 what stands for nobody, else the id. -#}
{% macro shown_name(name, id, nobody) -%}
    case when {{ id }} = -1 then '{{ nobody }}' else coalesce({{ name }}, {{ as_text(id) }}) end
{%- endmacro %}
