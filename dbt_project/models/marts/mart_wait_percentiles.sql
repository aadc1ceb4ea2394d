-- Percentiles of waits. They cannot be summed or averaged, so each grouping has its own rows. If queue_id or local_date
-- is empty, the row covers all of them.
with

segments as (

    select
        segments.queue_id,
        segments.outcome,
        segments.is_offered,
        segments.wait_seconds,
        cast({{ to_local('segments.entered_queue_at', 'queues.reporting_timezone') }} as date) as local_date
    from {{ ref('fct_queue_segments') }} as segments
    inner join {{ ref('dim_queues') }} as queues on segments.queue_id = queues.queue_id

),

grouped as (

    select
        queue_id,
        local_date,
        {{ count_where("is_offered") }} as offered,
        {{ count_where("outcome = 'answered'") }} as answered,
        {{ count_where("outcome = 'abandoned'") }} as abandoned,
        {% for name, condition in [
            ('', "is_offered"), ('answered_', "outcome = 'answered'"), ('abandoned_', "outcome = 'abandoned'")
        ] -%}
            {% set wait = 'case when ' ~ condition ~ ' then wait_seconds end' -%}
            {% for percent in [50, 80, 90, 95] -%}
                {{ percentile(wait, percent / 100) }} as {{ name }}wait_p{{ percent }}_seconds,
            {% endfor -%}
        {% endfor -%}
        max(case when is_offered then wait_seconds end) as longest_wait_seconds
    from segments
    group by grouping sets ((queue_id, local_date), (queue_id), (local_date), ())

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
