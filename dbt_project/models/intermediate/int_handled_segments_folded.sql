-- One row per agent on one leg of a call: the talk row and the wrap-up row, folded into one.
with

handle_rows as (

    select
        call_id,
        -- A row that names no agent still holds somebody's work.
        coalesce(agent_id, -1) as agent_id,
        transfer_id,
        -- The first leg has no transfer.
        coalesce(transfer_id, 0) as leg_id,
        coalesce(is_barged, false) as is_barged,
        idx,
        menu_path_id,
        menu_path,
        lang,
        started_at,
        ended_at,
        coalesce(call_seconds, 0) as call_seconds,
        coalesce(hold_seconds, 0) as hold_seconds,
        coalesce(acw_seconds, 0) as acw_seconds,
        coalesce(bcw_seconds, 0) as bcw_seconds,
        coalesce(ring_seconds, 0) as ring_seconds
    from {{ ref('stg_ccaip__handle_durations') }}

),

-- The queue and the language are those of the first row with talk, else of the first row.
ordered as (

    select
        *,
        row_number() over (
            partition by call_id, agent_id, leg_id, is_barged
            order by case when call_seconds > 0 then 0 else 1 end, started_at, idx
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
    {{ sum_of('call_seconds') }} as call_seconds,
    -- The vendor's call seconds include hold.
    {{ sum_of('call_seconds - hold_seconds') }} as talk_seconds,
    {{ sum_of('hold_seconds') }} as hold_seconds,
    {{ sum_of('acw_seconds') }} as acw_seconds,
    {{ sum_of('bcw_seconds') }} as bcw_seconds,
    {{ sum_of('ring_seconds') }} as ring_seconds,
    -- Wrap-up alone adds seconds, not a contact; a supervisor listening in is no contact either.
    sum(call_seconds) > 0 and not is_barged as is_handled
from ordered
group by call_id, agent_id, leg_id, is_barged
