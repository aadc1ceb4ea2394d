{{ replaced_by_day('local_date', cluster_by=['queue_id'], days='date_utc', before=1, after=1) }}

-- Handled segments of each queue and date in its zone.
with

handled as (

    select
        handled.queue_id,
        handled.handle_seconds,
        cast({{ to_local('handled.started_at', 'queues.reporting_timezone') }} as date) as started_date
    from {{ ref('fct_handled_segments') }} as handled
    inner join {{ ref('dim_queues') }} as queues on handled.queue_id = queues.queue_id
    where
        handled.is_handled
        and {{ is_day_to_compute('handled.started_at', before=2, after=2, partition='handled.local_date') }}

),

-- The date as an aggregate, so that engines compare it after the grouping: once a date, not once a segment.
days as (

    select
        queue_id,
        min(started_date) as local_date,
        count(*) as handled_segments,
        {{ sum_of('handle_seconds') }} as handle_seconds
    from handled
    group by queue_id, started_date

)

select
    queue_id,
    local_date,
    handled_segments,
    handle_seconds
from days
where {{ is_day_to_compute('local_date', before=1, after=1) }}
