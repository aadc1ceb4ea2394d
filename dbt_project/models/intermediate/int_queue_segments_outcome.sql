-- Exactly one outcome for each queue segment. First match wins; the deciding rule is kept.
with

segments as (

    select * from {{ ref('int_queue_segments_entered') }}

),

handled_legs as (

    select distinct
        call_id,
        leg_id
    from {{ ref('int_handled_segments_folded') }}
    where is_handled

),

-- All inputs of the rules.
evidence as (

    select
        segments.*,
        events.outcome as event_outcome,
        transfers.outcome as transfer_outcome,
        coalesce(transfers.is_ringing_abandon, false) as is_transfer_ringing_abandon,
        handled_legs.call_id is not null as is_leg_handled,
        calls.abandon_outcome,
        calls.is_queue_abandon,
        calls.is_ringing_abandon,
        calls.flowed_out_as,
        calls.is_ended
    from segments
    inner join {{ ref('int_calls_classified') }} as calls on segments.call_id = calls.call_id
    left join {{ ref('queue_event_outcomes') }} as events on segments.event = events.event
    left join {{ ref('int_transfers_classified') }} as transfers
        on
            segments.call_id = transfers.call_id
            and segments.transfer_id = transfers.transfer_id
            and transfers.newest_order = 1
    left join handled_legs
        on
            segments.call_id = handled_legs.call_id
            and segments.leg_id = handled_legs.leg_id

),

decided as (

    select
        *,
        case
            when event_outcome is not null then 'event'
            when was_requeued then 'requeued'

            -- After a transfer, the transfer decides. If it is still open although the call is over, the call decides.
            when transfer_outcome = 'completed' then 'transfer_completed'
            when transfer_outcome = 'flowed_out' then 'transfer_flowed_out'
            when transfer_outcome in ('abandoned', 'failed') and is_transfer_ringing_abandon
                then 'transfer_ringing_abandon'
            when transfer_outcome = 'abandoned' then 'transfer_abandoned'
            when transfer_outcome = 'failed' then 'transfer_failed'

            -- A first leg, or one whose transfer is unknown or undecided.
            when is_leg_handled then 'leg_handled'
            when is_queue_abandon then 'call_abandoned'
            when is_ringing_abandon then 'call_ringing_abandon'
            when flowed_out_as is not null then 'call_' || flowed_out_as
            when not is_ended then 'call_in_progress'
            else 'call_failed'
        end as outcome_rule
    from evidence

),

named as (

    select
        *,
        case
            when outcome_rule = 'event' then event_outcome
            when outcome_rule in ('transfer_completed', 'leg_handled') then 'answered'
            when outcome_rule = 'transfer_ringing_abandon' then transfer_outcome
            when outcome_rule = 'call_ringing_abandon' then abandon_outcome
            when outcome_rule in ('transfer_abandoned', 'call_abandoned') then 'abandoned'
            when outcome_rule in ('transfer_failed', 'call_failed') then 'failed'
            when outcome_rule = 'call_in_progress' then 'in_progress'
            else 'flowed_out'
        end as outcome
    from decided

)

select
    call_id,
    idx,
    queue_duration_id,
    agent_id,
    queue_id,
    queue_name,
    language,
    transfer_id,
    leg_id,
    entered_queue_at,
    left_queue_at,
    wait_seconds,
    target_seconds,
    target_percent,
    abandon_threshold_seconds,
    service_level_event,
    event,
    has_duplicate_rows,
    outcome,
    outcome_rule,
    -- Whatever its class in abandon_fail_reasons.
    outcome_rule in ('transfer_ringing_abandon', 'call_ringing_abandon') as is_ringing_abandon
from named
