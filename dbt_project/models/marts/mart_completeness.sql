with

judged as (

    select
        *,
        coalesce(
            differences > 0
            -- A call stays on the day it was queued, but moves to another day of `updated_at` with each change.
            or (counted_by = 'queued_at' and landed - vanished + rejected < counted_by_api),
            false
        ) as is_different,
        coalesce(
            -- A day's end may be written as its last second.
            {{ add_seconds('counted_until', '1') }} >= day_end_at
            and (open_asked_at is null or open_asked_at <= checked_at),
            false
        ) as is_reconciled
    from {{ ref('int_completeness_measured') }}

)

select
    counted_by,
    cast({{ to_local('day_start_at', "'UTC'") }} as date) as day_utc,
    counted_by_api,
    landed,
    rejected,
    vanished,
    differences,
    open_windows,
    checked_at,
    case
        when is_different then 'differs'
        when is_reconciled and is_compared then 'proven'
        when is_reconciled then 'counted'
        when open_windows > 0 then 'open'
        when is_covered then 'loaded'
        when not is_covered then 'partly loaded'
        else 'not loaded'
    end as verdict
from judged
