{{ replaced_by_day('local_date') }}

-- When each queue was open: local opening hours of each date as instants. A queue's own schedule takes precedence over
-- the one for every queue; on a holiday its hours, if any, replace the weekday's.
with

-- One more day on either side, because queues may have their own zones.
active_dates as (

    select local_date
    from {{ ref('dim_dates') }}
    where {{ is_day_to_compute('local_date', before=1, after=1) }}

),

dates as (

    select local_date
    from (
        select local_date from active_dates
        union distinct
        select {{ add_days('local_date', -1) }} as local_date from active_dates
        union distinct
        select {{ add_days('local_date', 1) }} as local_date from active_dates
    ) as neighbours
    where {{ is_day_to_compute('local_date') }}

),

queue_dates as (

    select
        queues.queue_id,
        queues.reporting_timezone,
        dates.local_date
    from {{ ref('dim_queues') }} as queues
    cross join dates

),

-- Rows of one queue with the same valid_from are one schedule.
schedules as (

    select
        queue_id,
        valid_from,
        lead(valid_from) over (partition by queue_id order by valid_from nulls first) as valid_until
    from (
        select distinct
            queue_id,
            valid_from
        from {{ ref('business_hours') }}
    ) as first_days

),

candidates as (

    select
        queue_dates.*,
        schedules.queue_id as schedule_queue_id,
        schedules.valid_from,
        row_number() over (
            partition by queue_dates.queue_id, queue_dates.local_date
            order by schedules.queue_id nulls last
        ) as preference
    from queue_dates
    inner join schedules
        on
            (queue_dates.queue_id = schedules.queue_id or schedules.queue_id is null)
            and {{ in_force('schedules', 'queue_dates.local_date') }}

),

holidays as (

    select
        candidates.queue_id,
        candidates.local_date,
        holidays.holiday_name,
        holidays.opens_at,
        holidays.closes_at,
        row_number() over (
            partition by candidates.queue_id, candidates.local_date
            order by holidays.queue_id nulls last
        ) as preference
    from candidates
    inner join {{ ref('holidays') }} as holidays
        on
            candidates.local_date = holidays.holiday_date
            and (candidates.queue_id = holidays.queue_id or holidays.queue_id is null)
    where candidates.preference = 1

),

-- A date without hours has a row too: closed is different from unknown.
hours as (

    select
        candidates.queue_id,
        candidates.local_date,
        candidates.reporting_timezone,
        holidays.holiday_name,
        case when holidays.queue_id is null then weekdays.opens_at else holidays.opens_at end as opens_at,
        case when holidays.queue_id is null then weekdays.closes_at else holidays.closes_at end as closes_at
    from candidates
    left join holidays
        on
            candidates.queue_id = holidays.queue_id
            and candidates.local_date = holidays.local_date
            and holidays.preference = 1
    left join {{ ref('business_hours') }} as weekdays
        on
            holidays.queue_id is null
            and candidates.schedule_queue_id is not distinct from weekdays.queue_id
            and candidates.valid_from is not distinct from weekdays.valid_from
            and {{ iso_weekday('candidates.local_date') }} = weekdays.iso_weekday
    where candidates.preference = 1

)

select
    queue_id,
    local_date,
    holiday_name,
    opens_at is null as is_closed,
    {{ to_utc(at_time('local_date', 'opens_at'), 'reporting_timezone') }} as opens_at,
    -- Hours that end when or before they begin end on the next day.
    {{ to_utc(
        at_time(
            'case when closes_at <= opens_at then ' ~ next_date('local_date') ~ ' else local_date end', 'closes_at'
        ),
        'reporting_timezone'
    ) }} as closes_at
from hours
