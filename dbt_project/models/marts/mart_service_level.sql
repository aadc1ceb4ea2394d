{{ replaced_by_day('interval_start_at', cluster_by=['queue_id']) }}

select
    interval_start_at,
    interval_start_local,
    local_date,
    utc_offset_minutes,
    queue_id,
    queue_name,
    language,
    call_type,
    offered,
    answered,
    answered_in_sl,
    abandoned,
    short_abandoned,
    abandoned_in_sl,
    abandoned_after_target,
    flowed_out,
    failed,
    in_progress,
    vendor_in_sla,
    vendor_not_in_sla,
    service_level_numerator,
    service_level_denominator,
    offered_with_target,
    answered_with_target,
    abandoned_with_target,
    short_abandoned_with_target,
    {{ service_level_ratios() }},
    target_percent,
    {{ is_target_met() }} as is_target_met,
    is_business_hours,
    is_final
from {{ ref('int_queue_intervals_reported') }}
where
    interval_minutes = {{ var('report_interval_minutes') }}
    and {{ is_day_to_compute('interval_start_at', partition='local_date') }}
