{#-
    Every row meets every expression. NULL is not a failure, because ratios can be NULL. Use not_null or a contract for
    columns that must not be NULL.
-#}
{% test expressions_are_true(model, expressions) %}
    select *
    from {{ model }}
    where
        {%- for expression in expressions %}
        {{ 'or ' if not loop.first }}not ({{ expression }})
        {%- endfor %}
{% endtest %}


{#- A whole is the sum of its parts, row by row; a NULL anywhere fails. -#}
{% test parts_sum_to(model, whole, parts) %}
    select *
    from {{ model }}
    where
        {{ whole }} is distinct from
        {%- for part in parts %}
        {{ '+ ' if not loop.first }}{{ part }}
        {%- endfor %}
{% endtest %}


{#- Ratios lie in [0, 1] or are NULL; NaN and infinities fail. -#}
{% test between_0_and_1(model, columns) %}
    select *
    from {{ model }}
    where
        {%- for column in columns %}
        {{ 'or ' if not loop.first }}(({{ column }} between 0 and 1) is false)
        {%- endfor %}
{% endtest %}


{#-
    Sums over two relations are equal: `totals` maps a column of this model to an expression of `compare_to` with the same
    total. Empty relations have the total 0, so that a missing side is noticed. `dated_by` is the column by which rows of both
    are dated alike: a scheduled run then compares the touched days, else all.
-#}
{% test same_totals(model, compare_to, totals, compare_where='true', dated_by=none) %}
    with

    here as (

        select
            {%- for column in totals.keys() %}
            coalesce(sum({{ column }}), 0) as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ model }}

    ),

    there as (

        select
            {%- for column, expression in totals.items() %}
            coalesce({{ expression }}, 0) as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ compared_rows(compare_to) }} as compared
        where {{ compare_where }}

    )

    select
        {%- for column in totals.keys() %}
        here.{{ column }} as {{ column }}_here,
        there.{{ column }} as {{ column }}_there{{ ',' if not loop.last }}
        {%- endfor %}
    from here
    cross join there
    where
        {%- for column in totals.keys() %}
        {{ 'or ' if not loop.first }}here.{{ column }} <> there.{{ column }}
        {%- endfor %}
{% endtest %}
