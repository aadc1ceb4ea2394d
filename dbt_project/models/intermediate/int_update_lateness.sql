-- One row: how far the data reach, and how late a call's record still changes after the call's end.
with

lateness as (

    select {{ percentile(seconds_between('ended_at', 'updated_at'), 0.99) }} as p99_seconds
    from {{ ref('int_calls_classified') }}
    where
        is_ended
        and updated_at >= ended_at

),

-- "Now" comes from the data. A call dated in the future must not make every interval final, so the
-- clock of the load that landed it bounds it.
reach as (

    select
        (select max(updated_at) from {{ ref('int_calls_classified') }}) as newest_update_at,
        (select max(inserted_at) from {{ ref('stg_ccaip__loads') }}) as newest_load_at

)

select
    least(reach.newest_update_at, coalesce(reach.newest_load_at, reach.newest_update_at)) as as_of_at,
    cast(
        greatest(coalesce(lateness.p99_seconds, 0), {{ var('lateness_floor_minutes') * 60 }}) as bigint
    ) as lateness_seconds
from reach
cross join lateness
