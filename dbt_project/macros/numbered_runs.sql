{#-
    Rows with `run_number`: it counts up whenever `value` differs from the row before, in the given order and within the given
    columns. Rows next to each other with the same value are one run.
-#}
{% macro numbered_runs(relation, value, within, ordered_by) -%}
    select
        *,
        sum(case when {{ value }} = value_before then 0 else 1 end) over (
            partition by {{ within }}
            order by {{ ordered_by }}
            rows between unbounded preceding and current row
        ) as run_number
    from (
        select
            *,
            lag({{ value }}) over (partition by {{ within }} order by {{ ordered_by }}) as value_before
        from {{ relation }}
    ) as compared
{%- endmacro %}
