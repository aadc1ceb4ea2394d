{#-
    Whether a dated row of `relation` (valid_from, valid_until) holds at a moment. An empty valid_from
    means from the beginning, an empty valid_until means still. valid_until is the next row's
    valid_from, so that of each kind one row holds at any moment; at a moment nobody knows, the first.
-#}
{% macro in_force(relation, moment) -%}
    ({{ relation }}.valid_from is null or {{ moment }} >= {{ relation }}.valid_from)
    and ({{ relation }}.valid_until is null or {{ moment }} is null or {{ moment }} < {{ relation }}.valid_until)
{%- endmacro %}
