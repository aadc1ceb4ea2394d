-- The demand of each queue in each reported interval: arrivals, and the average duration of a contact.
with

-- Half an hour has too few contacts for an average, so that of the queue's day is used.
days as (

    select * from {{ ref('int_handled_queue_days') }}

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
    arrivals.interval_start_at,
    arrivals.interval_start_local,
    arrivals.local_date,
    arrivals.queue_id,
    arrivals.queue_name,
    arrivals.offered,
    coalesce(days.handled_segments, ever.handled_segments, 0) as handled_segments,
    coalesce(days.handle_seconds, ever.handle_seconds, 0) as handle_seconds,
    days.queue_id is null as is_average_of_all_days,
    arrivals.target_seconds,
    arrivals.target_percent
from {{ ref('int_staffing_arrivals') }} as arrivals
left join days on arrivals.queue_id = days.queue_id and arrivals.local_date = days.local_date
left join ever on arrivals.queue_id = ever.queue_id
