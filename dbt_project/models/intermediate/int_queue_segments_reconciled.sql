-- Each queue segment with our verdict, the vendor's, and how they differ.
with

segments as (

    select
        segments.queue_segment_id,
        segments.call_id,
        segments.queue_id,
        segments.entered_queue_at,
        segments.local_date,
        segments.is_offered,
        segments.target_seconds,
        segments.is_short_abandon,
        segments.is_answered_in_sl,
        -- The denominator of our service level: answered + abandoned - short abandoned.
        segments.outcome = 'answered'
        or (segments.outcome = 'abandoned' and not segments.is_short_abandon) as is_counted,
        verdicts.service_level_event is not null as has_vendor_verdict,
        segments.is_vendor_in_sla or segments.is_vendor_not_in_sla as is_vendor_counted,
        segments.is_vendor_in_sla
    from {{ ref('fct_queue_segments') }} as segments
    left join {{ ref('service_level_events') }} as verdicts
        on segments.service_level_event = verdicts.service_level_event

)

select
    queue_segment_id,
    call_id,
    queue_id,
    entered_queue_at,
    local_date,
    is_offered,
    is_counted,
    is_answered_in_sl,
    is_vendor_counted,
    is_vendor_in_sla,
    case
        -- The vendor may have a verdict on a wait whose end is not known yet.
        when not is_offered then 'in_progress'
        when target_seconds is null and is_counted then 'no_target'
        when not has_vendor_verdict then 'vendor_missing'
        when is_counted and not is_vendor_counted then 'vendor_excluded'
        when not is_counted and is_vendor_counted then 'ours_excluded'
        when not is_counted then 'agreed_excluded'
        when is_answered_in_sl and not is_vendor_in_sla then 'ours_in_vendor_out'
        when is_vendor_in_sla and not is_answered_in_sl then 'ours_out_vendor_in'
        when is_answered_in_sl then 'agreed_in'
        else 'agreed_out'
    end as agreement
from segments
