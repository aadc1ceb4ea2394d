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
    abandoned,
    short_abandoned,
    ringing_abandoned,
    flowed_out,
    failed,
    in_progress,
    wait_seconds,
    answered_wait_seconds,
    abandoned_wait_seconds,
    flowed_out_wait_seconds,
    failed_wait_seconds,
    longest_wait_seconds,
    longest_answered_wait_seconds,
    longest_abandoned_wait_seconds,
    longest_flowed_out_wait_seconds,
    longest_failed_wait_seconds,
    {{ abandonment_ratios() }},
    is_business_hours,
    is_final
from {{ ref('int_queue_intervals_reported') }}
where
    interval_minutes = {{ var('report_interval_minutes') }}
    and {{ is_day_to_compute('interval_start_at', partition='local_date') }}
