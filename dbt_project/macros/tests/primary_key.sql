{#- No null in a key and no key twice, in one scan; a failing row is a key and how often it occurs. -#}
{% test primary_key(model, columns) %}
    select *
    from (
        select
            {%- for column in columns %}
            {{ column }} as {{ column if '(' not in column else 'key_' ~ loop.index }},
            {%- endfor %}
            count(*) as occurrences
        from {{ model }}
        group by {{ columns | join(', ') }}
    ) as counted
    where
        occurrences > 1
        {%- for column in columns %}
        or {{ column if '(' not in column else 'key_' ~ loop.index }} is null
        {%- endfor %}
{% endtest %}
