{#-
    The end of a test that compares marts with a fact, cell by cell. After a CTE `fact` with `keys` and
    `parts`; `keys` maps each key to its expression in the marts, `marts` lists relation and filter. A
    failing row is a cell in which the sums of mart and fact differ, or which one of them lacks. The fact's
    rows are those of touched `days` (`date_utc` or `local_date`), as are the marts', dated by `dated_by`.
-#}
{% macro cells_that_disagree(marts, keys, parts, dated_by, days) -%}
    told as (

        {% for mart, where in marts -%}
            select
                {{ literal(mart ~ ' where ' ~ where) }} as mart
                {%- for key, expression in keys.items() %},
                {{ expression }} as {{ key }}
                {%- endfor %}
                {%- for part in parts %},
                sum({{ part }}) as {{ part }}
                {%- endfor %}
            from {{ ref(mart) }}
            where
                ({{ where }})
                and {{ is_touched(dated_by, days, partition=partition_of(ref(mart))) }}
            group by {{ keys.values() | join(', ') }}
            {{ 'union all' if not loop.last }}
        {% endfor %}
    ),

    expected as (

        select
            marts.mart,
            fact.*
        from fact
        cross join (
            {%- for mart, where in marts %}
            select {{ literal(mart ~ ' where ' ~ where) }} as mart {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as marts

    )

    select
        coalesce(told.mart, expected.mart) as mart
        {%- for key in keys %},
        coalesce(told.{{ key }}, expected.{{ key }}) as {{ key }}
        {%- endfor %}
        {%- for part in parts %},
        expected.{{ part }} as {{ part }}_in_fact,
        told.{{ part }} as {{ part }}_in_mart
        {%- endfor %}
    from expected
    full outer join told
        on
            expected.mart = told.mart
            {%- for key in keys %}
            and expected.{{ key }} = told.{{ key }}
            {%- endfor %}
    where
        {%- for part in parts %}
        {{ 'or ' if not loop.first }}expected.{{ part }} is distinct from told.{{ part }}
        {%- endfor %}
{%- endmacro %}


{#- The parts of handled work by which tests compare marts with the fact: {name: expression over handled segments}. -#}
{% macro handled_work_parts() -%}
    {{ return({
        'handled_segments': count_where('is_handled'),
        'held_segments': count_where('is_handled and hold_seconds > 0'),
        'short_calls': count_where('is_short_call'),
        'transfers_out': sum_of('transfers_out'),
        'talk_seconds': sum_where('talk_seconds', 'not is_barged'),
        'hold_seconds': sum_where('hold_seconds', 'not is_barged'),
        'acw_seconds': sum_where('acw_seconds', 'not is_barged'),
        'handle_seconds': sum_where('talk_seconds + hold_seconds + acw_seconds', 'not is_barged'),
    }) }}
{%- endmacro %}


{#- The same as a select list. -#}
{% macro handled_work() -%}
    {%- for part, expression in handled_work_parts().items() %}
    {{ expression }} as {{ part }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#-
    The conditions (laws) that a mart violates, with the number of rows: `laws` maps names to conditions (NULL is allowed,
    because ratios can be NULL), `shares` are columns in [0, 1] or NULL.
-#}
{% macro broken_laws(mart, laws, shares) -%}
    {%- set breaches = {} -%}
    {%- for law, condition in laws.items() -%}
        {%- do breaches.update({law: 'not (' ~ condition ~ ')'}) -%}
    {%- endfor -%}
    {%- for share in shares -%}
        {%- do breaches.update({share ~ ' lies in [0, 1]': '(' ~ share ~ ' between 0 and 1) is false'}) -%}
    {%- endfor -%}
    select * from (
        with counted as (
            select
                {%- for breach in breaches.values() %}
                {{ count_where(breach) }} as law_{{ loop.index }}{{ ',' if not loop.last }}
                {%- endfor %}
            from {{ touched_rows(ref(mart)) }} as rows_of_mart
        )
        {%- for law in breaches %}
        select '{{ mart }}' as mart, '{{ law }}' as law, law_{{ loop.index }} as broken_rows
        from counted
        where law_{{ loop.index }} > 0
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as laws_of_mart
{%- endmacro %}


{#-
    The rows of an array without those that the vendor sent again later: by id, or with the same start, end and
    `columns`. Written differently from the models, so that both do not have the same fault.
-#}
{% macro without_copies(relation, id, columns, extra='true') %}
            select rows_once.*
            from {{ relation }} as rows_once
            where
                not exists (
                    select 1 from {{ relation }} as copies
                    where
                        copies.call_id = rows_once.call_id
                        and copies.idx > rows_once.idx
                        and copies.{{ id }} = rows_once.{{ id }}
                )
                and not exists (
                    select 1 from {{ relation }} as copies
                    where
                        copies.call_id = rows_once.call_id
                        and copies.idx > rows_once.idx
                        and copies.started_at = rows_once.started_at
                        and copies.ended_at = rows_once.ended_at
                        {%- for column in columns %}
                        and copies.{{ column }} is not distinct from rows_once.{{ column }}
                        {%- endfor %}
                        and {{ extra }}
                )
{%- endmacro %}


{#-
    For rows of handle_durations: copies are both talk or both wrap-up, and both of a supervisor who listens in or not. The
    columns have other names in the raw table.
-#}
{% macro same_kind_of_work(is_barged='is_barged', call_seconds='call_seconds') -%}
    coalesce(copies.{{ is_barged }}, false) = coalesce(rows_once.{{ is_barged }}, false)
                        and (coalesce(copies.{{ call_seconds }}, 0) > 0) = (coalesce(rows_once.{{ call_seconds }}, 0) > 0)
{%- endmacro %}
