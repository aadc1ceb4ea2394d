{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    on_schema_change='sync_all_columns',
    meta={'reach': 'dates_around'}
) }}

{{ after_day_records() }}
-- Local dates with activity, with the instants at which they start and end.
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
    {{ as_bigint('extract(year from local_date)') }} as year_number,
    {{ as_bigint('extract(month from local_date)') }} as month_number,
    {{ iso_weekday('local_date') }} as iso_weekday_number
from bounds
