{{ config(
    materialized='table',
    indexes=lookup_indexes(['call_id']),
    meta={'work_set': true}
) }}

-- The outcome of each session with a virtual agent: whether it asked for a person, and whether one came.
with

sessions as (

    select
        sessions.call_id,
        sessions.idx,
        coalesce(sessions.virtual_agent__id, -1) as virtual_agent_id,
        sessions.virtual_agent__name as virtual_agent_name,
        sessions.menu_path_id as queue_id,
        sessions.menu_path as queue_name,
        coalesce(sessions.lang, calls.language) as language,
        sessions.transfer_id,
        coalesce(sessions.started_at, calls.created_at, calls.updated_at) as started_at,
        sessions.ended_at,
        coalesce(
            sessions.call_seconds,
            {{ seconds_between('sessions.started_at', 'sessions.ended_at') }},
            0
        ) as session_seconds,
        coalesce(sessions.response_count, 0) as responses,
        coalesce(sessions.fallback_response_count, 0) as fallback_responses,
        sessions.escalation_reason,
        calls.is_ended as is_call_ended
    from {{ ref('stg_ccaip__virtual_agent_handle_durations') }} as sessions
    inner join {{ ref('int_calls_classified') }} as calls on sessions.call_id = calls.call_id
    where {{ is_call_to_compute('sessions.call_id') }}

),

-- Requests for a person, successful or not. Before 2026-03-24 the vendor recorded them as transfers.
moves as (

    select
        call_id,
        'escalation' as kind,
        idx,
        from_virtual_agent__id as virtual_agent_id,
        created_at as asked_at,
        case when escalated_at is not null then 'person' else 'failed' end as outcome
    from {{ ref('stg_ccaip__escalations') }}
    where {{ is_call_to_compute('call_id') }}

    union all

    select
        call_id,
        'deflected escalation' as kind,
        idx,
        virtual_agent__id as virtual_agent_id,
        escalated_at as asked_at,
        'deflected' as outcome
    from {{ ref('stg_ccaip__virtual_agent_deflected_escalations') }}
    where {{ is_call_to_compute('call_id') }}

    union all

    select
        call_id,
        'transfer' as kind,
        idx,
        from_virtual_agent_id as virtual_agent_id,
        created_at as asked_at,
        case outcome when 'completed' then 'person' when 'flowed_out' then 'deflected' else 'failed' end as outcome
    from {{ ref('int_transfers_classified') }}
    -- Another virtual agent is not a person.
    where
        from_virtual_agent_id is not null
        and to_virtual_agent_id is null

),

-- A request names no session: it belongs to the virtual agent's latest session begun by then.
candidates as (

    select
        sessions.call_id,
        sessions.idx,
        moves.outcome,
        row_number() over (
            partition by moves.call_id, moves.kind, moves.idx
            order by
                case when sessions.virtual_agent_id = moves.virtual_agent_id then 0 else 1 end,
                case when sessions.started_at <= moves.asked_at then 0 else 1 end,
                sessions.started_at desc,
                sessions.idx desc
        ) as nearest_order
    from moves
    inner join sessions on moves.call_id = sessions.call_id

),

moved as (

    select
        call_id,
        idx,
        {{ count_where("outcome = 'person'") }} > 0 as has_reached_person,
        {{ count_where("outcome = 'deflected'") }} > 0 as was_deflected
    from candidates
    where nearest_order = 1
    group by call_id, idx

),

people as (

    select
        call_id,
        max(started_at) as last_started_at
    from {{ ref('int_handled_segments_folded') }}
    where is_handled
    group by call_id

),

evidence as (

    select
        sessions.*,
        sessions.escalation_reason is not null or moved.call_id is not null as is_escalated,
        coalesce(moved.has_reached_person, false) as has_reached_person,
        coalesce(moved.was_deflected, false) as was_deflected,
        coalesce(people.last_started_at >= sessions.started_at, false) as is_person_later
    from sessions
    left join moved
        on
            sessions.call_id = moved.call_id
            and sessions.idx = moved.idx
    left join people on sessions.call_id = people.call_id

)

select
    call_id,
    idx,
    virtual_agent_id,
    virtual_agent_name,
    queue_id,
    queue_name,
    language,
    transfer_id,
    started_at,
    ended_at,
    session_seconds,
    responses,
    fallback_responses,
    escalation_reason,
    is_person_later,
    case
        when is_escalated then 'escalated'
        when is_person_later then 'person_later'
        when not is_call_ended then 'in_progress'
        else 'contained'
    end as outcome,
    case
        when not is_escalated then null
        when has_reached_person or is_person_later then 'person'
        when was_deflected then 'deflected'
        when not is_call_ended then 'in_progress'
        else 'failed'
    end as escalation_outcome
from evidence
