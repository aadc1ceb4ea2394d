{{ config(
    materialized='table',
    indexes=lookup_indexes(['call_id']),
    meta={'work_set': true}
) }}

-- One row per agent on one leg of a call: talk row and wrap-up row combined.
with

handle_rows as (

    select *
    from {{ ref('int_handle_rows') }}
    where not is_duplicate

),

-- The queue and the language are those of the first row with talk, else of the first row.
ordered as (

    select
        *,
        row_number() over (
            partition by call_id, agent_id, leg_id, is_barged
            order by case when call_seconds > 0 then 0 else 1 end asc, started_at asc nulls last, idx asc
        ) as telling_order
    from handle_rows

)

select
    call_id,
    agent_id,
    leg_id,
    is_barged,
    max(transfer_id) as transfer_id,
    max(case when telling_order = 1 then menu_path_id end) as queue_id,
    max(case when telling_order = 1 then menu_path end) as queue_name,
    max(case when telling_order = 1 then lang end) as language,
    min(started_at) as started_at,
    max(ended_at) as ended_at,
    count(*) as folded_rows,
    {{ count_where('has_duplicates') }} > 0 as has_duplicate_rows,
    {{ sum_of('call_seconds') }} as call_seconds,
    -- The vendor's call seconds include hold.
    {{ sum_of('call_seconds - hold_seconds') }} as talk_seconds,
    {{ sum_of('hold_seconds') }} as hold_seconds,
    {{ sum_of('acw_seconds') }} as acw_seconds,
    {{ sum_of('bcw_seconds') }} as bcw_seconds,
    {{ sum_of('ring_seconds') }} as ring_seconds,
    -- Wrap-up alone adds seconds, but is not a contact; neither is a supervisor listening in.
    sum(call_seconds) > 0 and not is_barged as is_handled
from ordered
group by call_id, agent_id, leg_id, is_barged
