-- The evidence for each day: the calls that were loaded, the windows it depends on, the latest reconcile.
-- By `updated_at` a day depends on the windows that touch it, by `queued_at` on every window from that day on,
-- because a call may change any time after it was queued.
with

days as (

    select
        *,
        case
            when counted_by = 'queued_at' then {{ greater_of('day_end_at', 'reached_at') }} else day_end_at
        end as rests_until
    from {{ ref('int_completeness_days') }}

),

covered as (

    select
        days.counted_by,
        days.day_start_at,
        {{ count_where(
            'stretches.stretch_from <= days.day_start_at and stretches.stretch_until >= days.rests_until'
        ) }} > 0 as is_covered
    from days
    inner join {{ ref('int_loaded_stretches') }} as stretches
        on
            days.day_start_at < stretches.stretch_until
            and days.day_end_at > stretches.stretch_from
    group by days.counted_by, days.day_start_at

),

open_windows as (

    select
        days.counted_by,
        days.day_start_at,
        count(*) as open_windows,
        max(windows.asked_at) as open_asked_at
    from days
    inner join {{ ref('int_load_windows_judged') }} as windows
        on
            days.day_start_at <= windows.window_until
            and days.rests_until > windows.window_from
    where windows.is_open
    group by days.counted_by, days.day_start_at

),

rejected as (

    select
        days.counted_by,
        days.day_start_at,
        count(*) as rejected
    from days
    inner join {{ ref('stg_ccaip__rejected_calls') }} as rejected_calls
        on
            days.day_start_at <= rejected_calls.window_until
            and days.day_end_at > rejected_calls.window_from
    group by days.counted_by, days.day_start_at

)

select
    days.counted_by,
    days.day_start_at,
    days.day_end_at,
    coalesce(landed.landed, 0) as landed,
    coalesce(landed.vanished, 0) as vanished,
    coalesce(rejected.rejected, 0) as rejected,
    coalesce(open_windows.open_windows, 0) as open_windows,
    open_windows.open_asked_at,
    -- Null where no complete window touches the day.
    covered.is_covered,
    reconciled.counted_by_api,
    reconciled.missing + reconciled.stale - reconciled.healed as differences,
    reconciled.is_compared,
    reconciled.counted_until,
    reconciled.checked_at
from days
left join {{ ref('int_calls_dated') }} as landed
    on days.counted_by = landed.counted_by and days.day_start_at = landed.day_start_at
left join covered on days.counted_by = covered.counted_by and days.day_start_at = covered.day_start_at
left join open_windows
    on days.counted_by = open_windows.counted_by and days.day_start_at = open_windows.day_start_at
left join rejected on days.counted_by = rejected.counted_by and days.day_start_at = rejected.day_start_at
left join {{ ref('stg_ccaip__reconciled_days') }} as reconciled
    on days.counted_by = reconciled.counted_by and days.day_start_at = reconciled.day
