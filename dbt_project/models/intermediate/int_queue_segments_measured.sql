-- Each queue segment compared with its target, by the rules valid when it entered the queue, and its share of the
-- governed service level's numerator and denominator, so that a period in which the formula changed has one service
-- level. An unknown target or threshold is never met.
with

rules as (

    select
        *,
        lead(valid_from) over (order by valid_from nulls first) as valid_until
    from {{ ref('service_level_rules') }}

),

segments as (

    select
        segments.*,
        rules.governed_formula,
        coalesce(verdicts.is_counted and verdicts.is_in_sla, false) as is_vendor_in_sla,
        coalesce(verdicts.is_counted and not verdicts.is_in_sla, false) as is_vendor_not_in_sla,
        coalesce(
            segments.wait_seconds < segments.target_seconds
            or (rules.is_target_inclusive and segments.wait_seconds = segments.target_seconds),
            false
        ) as is_within_target,
        coalesce(
            segments.wait_seconds < segments.abandon_threshold_seconds
            or (rules.is_threshold_inclusive and segments.wait_seconds = segments.abandon_threshold_seconds),
            false
        ) as is_within_threshold
    from {{ ref('int_queue_segments_outcome') }} as segments
    left join rules on {{ in_force('rules', 'segments.entered_queue_at') }}
    left join {{ ref('service_level_events') }} as verdicts
        on segments.service_level_event = verdicts.service_level_event

),

measured as (

    select
        *,
        outcome = 'answered' and is_within_target as is_answered_in_sl,
        outcome = 'abandoned' and is_within_threshold as is_short_abandon,
        outcome = 'abandoned' and not is_within_threshold and is_within_target as is_abandoned_in_sl,
        outcome = 'abandoned'
        and not is_within_target
        and coalesce(wait_seconds >= target_seconds, false) as is_abandoned_after_target
    from segments

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
    has_duplicate_rows,
    outcome,
    outcome_rule,
    is_ringing_abandon,
    is_answered_in_sl,
    is_short_abandon,
    is_abandoned_in_sl,
    is_abandoned_after_target,
    is_vendor_in_sla,
    is_vendor_not_in_sla,
    governed_formula,
    case governed_formula
        when 'service_level_vendor' then is_vendor_in_sla
        when 'service_level_abandons_positive' then is_answered_in_sl or is_abandoned_in_sl
        else is_answered_in_sl
    end as is_in_governed_numerator,
    case
        when governed_formula = 'service_level_vendor' then is_vendor_in_sla or is_vendor_not_in_sla
        -- It is unknown whether it was in time.
        when target_seconds is null then false
        when governed_formula = 'service_level_offered' then outcome <> 'in_progress'
        when governed_formula = 'service_level_incl_short_abandons' then outcome in ('answered', 'abandoned')
        when governed_formula = 'service_level_abandons_ignored' then outcome = 'answered' or is_abandoned_after_target
        when governed_formula = 'service_level_answered_only' then outcome = 'answered'
        -- service_level_excl_short_abandons, service_level_abandons_positive
        else outcome = 'answered' or (outcome = 'abandoned' and not is_short_abandon)
    end as is_in_governed_denominator
from measured
