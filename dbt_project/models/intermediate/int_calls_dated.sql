-- Each call with both timestamps that decide its day, and whether the API still has it.
with

calls as (

    select
        calls.call_id,
        calls.queued_at,
        calls.updated_at,
        vanished.call_id is not null as is_vanished
    from {{ ref('stg_ccaip__calls') }} as calls
    left join {{ ref('stg_ccaip__vanished_calls') }} as vanished on calls.call_id = vanished.call_id

)

select
    call_id,
    'queued_at' as counted_by,
    {{ interval_start('queued_at', 1440) }} as day_start_at,
    is_vanished
from calls
where queued_at is not null

union all

select
    call_id,
    'updated_at' as counted_by,
    {{ interval_start('updated_at', 1440) }} as day_start_at,
    is_vanished
from calls
where updated_at is not null
