{{ config(
    materialized='table',
    indexes=lookup_indexes(['call_id']),
    meta={'work_set': true}
) }}

-- The rows of handle_durations, with a flag for rows that the vendor sent twice. The last copy counts.
with

handle_rows as (

    select
        call_id,
        idx,
        handle_duration_id,
        -- A row without an agent is still work.
        coalesce(agent_id, -1) as agent_id,
        transfer_id,
        is_transfer_cold,
        -- The first leg has no transfer.
        coalesce(transfer_id, 0) as leg_id,
        coalesce(is_barged, false) as is_barged,
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
    where {{ is_call_to_compute('call_id') }}

),

compared as (

    select
        *,
        {{ is_copied(['call_id', 'handle_duration_id'], known=['handle_duration_id']) }} as is_id_copied,
        {{ is_copied_later(['call_id', 'handle_duration_id'], known=['handle_duration_id']) }} as is_id_copied_later,
        -- Talk and wrap-up of one agent may have the same span; they are not copies.
        {{ is_copied(
            ['call_id', 'agent_id', 'leg_id', 'is_barged', 'call_seconds > 0', 'started_at', 'ended_at'],
            known=['started_at', 'ended_at']
        ) }} as is_span_copied,
        {{ is_copied_later(
            ['call_id', 'agent_id', 'leg_id', 'is_barged', 'call_seconds > 0', 'started_at', 'ended_at'],
            known=['started_at', 'ended_at']
        ) }} as is_span_copied_later
    from handle_rows

)

select
    call_id,
    idx,
    handle_duration_id,
    agent_id,
    transfer_id,
    is_transfer_cold,
    leg_id,
    is_barged,
    menu_path_id,
    menu_path,
    lang,
    started_at,
    ended_at,
    call_seconds,
    hold_seconds,
    acw_seconds,
    bcw_seconds,
    ring_seconds,
    is_id_copied or is_span_copied as has_duplicates,
    is_id_copied_later or is_span_copied_later as is_duplicate
from compared
