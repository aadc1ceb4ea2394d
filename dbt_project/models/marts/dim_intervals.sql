{{ replaced_by_day('interval_start_at') }}

-- Every base interval of the days with activity, and the local time at its start. Days come from the data: a call dated
-- 2030 adds a day, not four years.
with

days as (

    select distinct {{ interval_start('entered_queue_at', 1440) }} as day_start_at
    from {{ ref('fct_queue_segments') }}
    where {{ is_day_to_compute('entered_queue_at', partition='local_date') }}

    union distinct

    select distinct {{ interval_start('started_at', 1440) }} as day_start_at
    from {{ ref('fct_handled_segments') }}
    where {{ is_day_to_compute('started_at', partition='local_date') }}

),

places as (

    {{ whole_numbers(1439) }}

),

intervals as (

    select
        {{ add_seconds('days.day_start_at', 'places.number * ' ~ var('base_interval_minutes') ~ ' * 60') }}
            as interval_start_at
    from days
    cross join places
    where places.number * {{ var('base_interval_minutes') }} < 1440

),

local as (

    select
        interval_start_at,
        {{ to_local('interval_start_at', "'" ~ var('reporting_timezone') ~ "'") }} as interval_start_local
    from intervals

)

select
    interval_start_at,
    {{ interval_start('interval_start_at', 30) }} as half_hour_start_at,
    {{ interval_start('interval_start_at', 60) }} as hour_start_at,
    interval_start_local,
    cast(interval_start_local as date) as local_date,
    {{ utc_offset_minutes('interval_start_local', 'interval_start_at') }} as utc_offset_minutes
from local
