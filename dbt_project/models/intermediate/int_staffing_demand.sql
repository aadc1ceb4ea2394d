-- The demand of each queue in each reported interval: arrivals, and the average duration of a contact.
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
    where segments.is_offered
    group by 1, 2, 3, 4

),

local as (

    select
        *,
        {{ to_local('interval_start_at', 'reporting_timezone') }} as interval_start_local
    from arrivals

),

-- Half an hour has too few contacts for an average, so that of the queue's day is used.
days as (

    select
        handled.queue_id,
        cast({{ to_local('handled.started_at', 'queues.reporting_timezone') }} as date) as local_date,
        count(*) as handled_segments,
        {{ sum_of('handled.handle_seconds') }} as handle_seconds
    from {{ ref('fct_handled_segments') }} as handled
    inner join {{ ref('dim_queues') }} as queues on handled.queue_id = queues.queue_id
    where handled.is_handled
    group by 1, 2

),

-- A day without handled contacts uses the figures of all days.
ever as (

    select
        queue_id,
        {{ sum_of('handled_segments') }} as handled_segments,
        {{ sum_of('handle_seconds') }} as handle_seconds
    from days
    group by 1

)

select
    local.interval_start_at,
    local.interval_start_local,
    cast(local.interval_start_local as date) as local_date,
    local.queue_id,
    local.queue_name,
    local.offered,
    coalesce(days.handled_segments, ever.handled_segments, 0) as handled_segments,
    coalesce(days.handle_seconds, ever.handle_seconds, 0) as handle_seconds,
    local.target_seconds,
    local.target_percent
from local
left join days on local.queue_id = days.queue_id and cast(local.interval_start_local as date) = days.local_date
left join ever on local.queue_id = ever.queue_id
