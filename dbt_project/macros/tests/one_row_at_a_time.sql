{#-
    Of a dated seed: no two rows of one key hold from the same date. In a key an empty value stands for
    all, an empty valid_from for the beginning, so that empty ones are equal here.
-#}
{% test one_row_at_a_time(model, key) %}
    select
        {{ (key + ['valid_from']) | join(', ') }},
        count(*) as occurrences
    from {{ model }}
    group by {{ (key + ['valid_from']) | join(', ') }}
    having count(*) > 1
{% endtest %}
