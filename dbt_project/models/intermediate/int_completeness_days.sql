-- The days (UTC) of mart_completeness: from the first with a call or a reconcile to the last one loaded, including days
-- without calls in between, but not the empty days of a first window back to 2015.
with

days as (

    select
        counted_by,
        day_start_at
    from {{ ref('int_calls_dated') }}

    union all

    select
        counted_by,
        day as day_start_at
    from {{ ref('stg_ccaip__reconciled_days') }}

),

bounds as (

    select
        counted_by,
        min(day_start_at) as first_day_at
    from days
    group by counted_by

),

reach as (

    select
        reached_at,
        {{ interval_start('reached_at', 1440) }} as last_day_at
    from {{ ref('int_load_reach') }}

),

-- At most sixty years back from the last day, because of calls dated year 1.
places as (

    {{ whole_numbers(21914) }}

),

calendar as (

    select
        reach.reached_at,
        {{ add_seconds('reach.last_day_at', 'places.number * -86400') }} as day_start_at
    from reach
    cross join places

)

select
    bounds.counted_by,
    calendar.day_start_at,
    {{ add_seconds('calendar.day_start_at', '86400') }} as day_end_at,
    calendar.reached_at
from bounds
inner join calendar on bounds.first_day_at <= calendar.day_start_at
