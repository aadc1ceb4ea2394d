{{ replaced_by_day('interval_start_at', cluster_by=['queue_id']) }}

-- The arrivals of each queue in each reported interval.
with

arrivals as (

    select
        segments.queue_id,
        queues.queue_name,
        queues.reporting_timezone,
        {{ interval_start('segments.interval_start_at', var('report_interval_minutes')) }} as interval_start_at,
        count(*) as offered,
        -- If a target changes within an interval, the stricter one applies.
        min(segments.target_seconds) as target_seconds,
        max(segments.target_percent) as target_percent
    from {{ ref('fct_queue_segments') }} as segments
    inner join {{ ref('dim_queues') }} as queues on segments.queue_id = queues.queue_id
    where
        segments.is_offered
        and {{ is_day_to_compute('segments.interval_start_at', partition='segments.local_date') }}
    group by 1, 2, 3, 4

),

local as (

    select
        *,
        {{ to_local('interval_start_at', 'reporting_timezone') }} as interval_start_local
    from arrivals

)

select
    interval_start_at,
    interval_start_local,
    cast(interval_start_local as date) as local_date,
    queue_id,
    queue_name,
    offered,
    target_seconds,
    target_percent
from local
