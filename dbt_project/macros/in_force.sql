{#-
    Whether a dated row of `relation` (valid_from, valid_until) is valid at a moment. An empty valid_from means from the
    beginning, an empty valid_until means still valid. valid_until is the next row's valid_from, so that one row of each
    kind is valid at any moment. At an unknown moment the first is.
-#}
{% macro in_force(relation, moment) -%}
    ({{ relation }}.valid_from is null or {{ moment }} >= {{ relation }}.valid_from)
    and ({{ relation }}.valid_until is null or {{ moment }} is null or {{ moment }} < {{ relation }}.valid_until)
{%- endmacro %}
