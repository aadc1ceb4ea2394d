-- A table, although it has one row: Postgres would compute a view again for each row of the marts that join it.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    on_schema_change='sync_all_columns',
    meta={'reach': 'days_between_horizons'}
) }}

{{ after_day_records() }}
-- One row: up to when data are loaded, and how late a call's record still changes after the call's end.
with

-- "Now" comes from the data. Only changes up to the end of the loads count, because a change dated in the future must
-- not make intervals final.
updates as (

    select
        calls.is_ended,
        calls.ended_at,
        calls.updated_at
    from {{ ref('fct_calls') }} as calls
    cross join {{ ref('int_load_reach') }} as reach
    where calls.updated_at <= coalesce(reach.reached_at, calls.updated_at)

),

lateness as (

    select {{ percentile(seconds_between('ended_at', 'updated_at'), 0.99) }} as p99_seconds
    from updates
    where
        is_ended
        and updated_at >= ended_at

),

newest as (

    select max(updated_at) as as_of_at
    from updates

)

select
    newest.as_of_at,
    {{ as_bigint(
        'greatest(coalesce(lateness.p99_seconds, 0), ' ~ var('lateness_floor_minutes') * 60 ~ ')'
    ) }} as lateness_seconds
from newest
cross join lateness
