-- Each queue segment held against its target: the bounds are inclusive, an unknown one is never met.
with

segments as (

    select
        *,
        coalesce(wait_seconds <= target_seconds, false) as is_within_target,
        coalesce(wait_seconds > target_seconds, false) as is_after_target,
        coalesce(wait_seconds <= abandon_threshold_seconds, false) as is_within_threshold
    from {{ ref('int_queue_segments_outcome') }}

)

select
    call_id,
    idx,
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
    outcome,
    outcome_rule,
    is_ringing_abandon,
    outcome = 'answered' and is_within_target as is_answered_in_sl,
    outcome = 'abandoned' and is_within_threshold as is_short_abandon,
    outcome = 'abandoned' and not is_within_threshold and is_within_target as is_abandoned_in_sl,
    outcome = 'abandoned' and is_after_target as is_abandoned_after_target
from segments
