{{ replaced_by_day('interval_start_at', cluster_by=['queue_id']) }}

select
    interval_minutes,
    interval_start_at,
    interval_start_local,
    local_date,
    utc_offset_minutes,
    queue_id,
    queue_name,
    language,
    call_type,
    {{ queue_parts() | join(',\n    ') }},
    {{ queue_maxima() | join(',\n    ') }},
    {{ service_level_ratios() }},
    target_percent,
    {{ is_target_met() }} as is_target_met,
    {{ abandonment_ratios() }},
    is_business_hours,
    is_final
from {{ ref('int_queue_intervals_reported') }}
where {{ is_day_to_compute('interval_start_at', partition='local_date') }}
