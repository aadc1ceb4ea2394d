with

ratios as (

    select
        *,
        {{ safe_ratio('answered_in_sl', 'answered + abandoned - short_abandoned') }} as service_level
    from {{ ref('int_queue_intervals_reported') }}

)

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
    service_level,
    {{ safe_ratio('answered_in_sl', 'answered + abandoned') }} as service_level_incl_short_abandons,
    {{ safe_ratio('answered_in_sl', 'offered') }} as service_level_offered,
    {{ safe_ratio('answered_in_sl', 'answered + abandoned_after_target') }} as service_level_abandons_ignored,
    {{ safe_ratio('answered_in_sl + abandoned_in_sl', 'answered + abandoned - short_abandoned') }}
        as service_level_abandons_positive,
    {{ safe_ratio('answered_in_sl', 'answered') }} as service_level_answered_only,
    {{ safe_ratio('vendor_in_sla', 'vendor_in_sla + vendor_not_in_sla') }} as service_level_vendor,
    target_percent,
    -- Part of interval_sl_compliance: rows that met their target / rows with offered > 0.
    case
        when offered > 0 and target_percent is not null
            then coalesce(service_level * 100 >= target_percent, false)
    end as is_target_met,
    is_final
from ratios
