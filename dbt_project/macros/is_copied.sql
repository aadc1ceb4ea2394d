{#- Whether the array holds another row with the same values of `columns`, if none of `known` is null. -#}
{% macro is_copied(columns, known) -%}
    ({{ known | join(' is not null and ') }} is not null and count(*) over (partition by {{ columns | join(', ') }}) > 1)
{%- endmacro %}


{#- Whether such a row comes later in the array. -#}
{% macro is_copied_later(columns, known) -%}
    (
        {{ known | join(' is not null and ') }} is not null
        and lead(idx) over (partition by {{ columns | join(', ') }} order by idx) is not null
    )
{%- endmacro %}
