{{ replaced_by_day('local_date', cluster_by=['queue_id'], always='local_date is null') }}

-- Percentiles of waits. They cannot be summed or averaged, so each grouping has its own rows. If queue_id or local_date
-- is empty, the row covers all of them.
{%- set kinds = {
    '': 'is_offered', 'answered_': "outcome = 'answered'", 'abandoned_': "outcome = 'abandoned'"
} -%}
{%- set percents = [50, 80, 90, 95] %}

with

days as (

    select
        queue_id,
        local_date,
        {{ count_where("is_offered") }} as offered,
        {{ count_where("outcome = 'answered'") }} as answered,
        {{ count_where("outcome = 'abandoned'") }} as abandoned,
        {% for name, condition in kinds.items() -%}
            {% for percent in percents -%}
                {{ percentile('case when ' ~ condition ~ ' then wait_seconds end', percent / 100) }}
                    as {{ name }}wait_p{{ percent }}_seconds,
            {% endfor -%}
        {% endfor -%}
        max(case when is_offered then wait_seconds end) as longest_wait_seconds
    from {{ ref('fct_queue_segments') }}
    where {{ is_day_to_compute('local_date') }}
    group by grouping sets ((queue_id, local_date), (local_date))

),

-- Over all days from the number of waits of each length, because there are few lengths.
waits_by_length as (

    select
        {% for name, condition in kinds.items() -%}
            {{ count_where(condition) }} as {{ name }}waits,
        {% endfor -%}
        queue_id,
        wait_seconds
    from {{ ref('fct_queue_segments') }}
    group by queue_id, wait_seconds

),

lengths as (

    select
        {% for name in kinds -%}
            {{ sum_of(name ~ 'waits') }} as {{ name }}waits,
        {% endfor -%}
        queue_id,
        wait_seconds
    from waits_by_length
    where wait_seconds is not null
    group by grouping sets ((queue_id, wait_seconds), (wait_seconds))

),

counted as (

    select
        {% for name in kinds -%}
            {{ name }}waits,
            sum({{ name }}waits) over (
                partition by queue_id order by wait_seconds rows between unbounded preceding and current row
            ) as {{ name }}so_far,
            sum({{ name }}waits) over (partition by queue_id) as {{ name }}total,
        {% endfor -%}
        queue_id,
        wait_seconds
    from lengths

),

percentiles as (

    select
        queue_id,
        {% for name in kinds -%}
            {% for percent in percents -%}
                {{ percentile_of_counts('wait_seconds', name ~ 'waits', name ~ 'so_far', name ~ 'total', percent) }}
                    as {{ name }}wait_p{{ percent }}_seconds,
            {% endfor -%}
        {% endfor -%}
        max(case when waits > 0 then wait_seconds end) as longest_wait_seconds
    from counted
    group by queue_id

),

totals as (

    select
        queue_id,
        {{ sum_of('waits') }} as offered,
        {{ sum_of('answered_waits') }} as answered,
        {{ sum_of('abandoned_waits') }} as abandoned
    from waits_by_length
    group by grouping sets ((queue_id), ())

),

grouped as (

    select
        queue_id,
        local_date,
        offered,
        answered,
        abandoned,
        {% for name in kinds -%}
            {% for percent in percents -%}
                {{ name }}wait_p{{ percent }}_seconds,
            {% endfor -%}
        {% endfor -%}
        longest_wait_seconds
    from days

    union all

    select
        totals.queue_id,
        cast(null as date) as local_date,
        totals.offered,
        totals.answered,
        totals.abandoned,
        {% for name in kinds -%}
            {% for percent in percents -%}
                {{ 'percentiles.' ~ name ~ 'wait_p' ~ percent ~ '_seconds' }},
            {% endfor -%}
        {% endfor -%}
        percentiles.longest_wait_seconds
    from totals
    left join percentiles
        on coalesce({{ as_text('totals.queue_id') }}, 'all') = coalesce({{ as_text('percentiles.queue_id') }}, 'all')

)

select
    case
        when grouped.queue_id is not null and grouped.local_date is not null then 'queue and day'
        when grouped.queue_id is not null then 'queue'
        when grouped.local_date is not null then 'day'
        else 'overall'
    end as percentiles_of,
    grouped.*
from grouped
