{#-
    For dated seeds: no two rows of a key have the same valid_from. Empty values in a key mean all, and an empty valid_from
    means the beginning, so that empty values are equal here.
-#}
{% test one_row_at_a_time(model, key) %}
    select
        {{ (key + ['valid_from']) | join(', ') }},
        count(*) as occurrences
    from {{ model }}
    group by {{ (key + ['valid_from']) | join(', ') }}
    having count(*) > 1
{% endtest %}
