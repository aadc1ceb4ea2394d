-- The local dates that saw work, each with the instants at which it starts and ends.
with

dates as (

    select distinct local_date
    from {{ ref('dim_intervals') }}

),

bounds as (

    select
        local_date,
        {{ start_of_date('local_date', "'" ~ var('reporting_timezone') ~ "'") }} as starts_at,
        {{ start_of_date(next_date('local_date'), "'" ~ var('reporting_timezone') ~ "'") }} as ends_at
    from dates

)

select
    local_date,
    starts_at,
    ends_at,
    -- 23 or 25 when clocks change.
    {{ safe_ratio(seconds_between('starts_at', 'ends_at'), 3600) }} as hours_in_day,
    cast(extract(year from local_date) as bigint) as year_number,
    cast(extract(month from local_date) as bigint) as month_number,
    cast(extract(isodow from local_date) as bigint) as iso_weekday_number
from bounds
