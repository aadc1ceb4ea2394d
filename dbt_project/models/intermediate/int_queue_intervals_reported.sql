{{ replaced_by_day('interval_start_at', cluster_by=['queue_id']) }}

-- The queue parts aggregated to each reported interval, with names, local time, business hours and finality.
with

lengths as (

    select 15 as interval_minutes
    union all
    select 30 as interval_minutes
    union all
    select 60 as interval_minutes

),

placed as (

    select
        base.*,
        lengths.interval_minutes,
        case lengths.interval_minutes
            when 15 then {{ interval_start('base.interval_start_at', 15) }}
            when 30 then {{ interval_start('base.interval_start_at', 30) }}
            else {{ interval_start('base.interval_start_at', 60) }}
        end as reported_start_at
    from {{ ref('agg_queue_intervals') }} as base
    cross join lengths
    where {{ is_day_to_compute('base.interval_start_at') }}

),

parts as (

    select
        queue_id,
        language,
        call_type,
        interval_minutes,
        reported_start_at as interval_start_at,
        {% for part in queue_parts() -%}
            {{ sum_of(part) }} as {{ part }},
        {% endfor -%}
        {% for part in queue_maxima() -%}
            max({{ part }}) as {{ part }},
        {% endfor -%}
        max(target_percent) as target_percent
    from placed
    group by queue_id, language, call_type, interval_minutes, reported_start_at

),

local as (

    select
        parts.*,
        queues.queue_name,
        {{ add_seconds('parts.interval_start_at', 'parts.interval_minutes * 60') }} as interval_end_at,
        {{ to_local('parts.interval_start_at', 'queues.reporting_timezone') }} as interval_start_local
    from parts
    inner join {{ ref('dim_queues') }} as queues on parts.queue_id = queues.queue_id

),

-- An interval is in business hours if the queue is open in any part of it; unknown if no hours are set.
opening as (

    select
        local.queue_id,
        local.interval_minutes,
        local.interval_start_at,
        {{ count_where(
            'hours.opens_at < local.interval_end_at and hours.closes_at > local.interval_start_at'
        ) }} > 0 as is_business_hours
    from local
    inner join {{ ref('dim_business_hours') }} as hours
        on
            local.queue_id = hours.queue_id
            -- Opening hours may have begun the evening before.
            and hours.local_date between {{ add_days('cast(local.interval_start_local as date)', -1) }}
            and {{ add_days('cast(local.interval_start_local as date)', 1) }}
    -- A local date is at most one day from the date in UTC.
    where {{ is_day_to_compute('hours.local_date', before=2, after=2) }}
    group by local.queue_id, local.interval_minutes, local.interval_start_at

)

select
    local.*,
    cast(local.interval_start_local as date) as local_date,
    {{ utc_offset_minutes('local.interval_start_local', 'local.interval_start_at') }} as utc_offset_minutes,
    opening.is_business_hours,
    {{ is_settled('local.in_progress', 'local.interval_end_at') }}
    and {{ add_seconds('local.interval_end_at', 'lateness.lateness_seconds') }} <= lateness.as_of_at as is_final
from local
cross join {{ ref('int_update_lateness') }} as lateness
left join opening
    on
        local.queue_id = opening.queue_id
        and local.interval_minutes = opening.interval_minutes
        and local.interval_start_at = opening.interval_start_at
