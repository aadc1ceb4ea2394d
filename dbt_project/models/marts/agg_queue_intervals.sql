{{ replaced_by_day('interval_start_at', cluster_by=['queue_id'], partition_by='interval_start_at') }}

-- The additive parts of every queue metric, by queue, language, call type and base interval of entry.
select
    queue_id,
    language,
    call_type,
    interval_start_at,
    {{ count_where("is_offered") }} as offered,
    {{ count_where("outcome = 'answered'") }} as answered,
    {{ count_where("is_answered_in_sl") }} as answered_in_sl,
    {{ count_where("outcome = 'abandoned'") }} as abandoned,
    {{ count_where("is_short_abandon") }} as short_abandoned,
    {{ count_where("is_abandoned_in_sl") }} as abandoned_in_sl,
    {{ count_where("is_abandoned_after_target") }} as abandoned_after_target,
    {{ count_where("is_ringing_abandon") }} as ringing_abandoned,
    {{ count_where("outcome = 'flowed_out'") }} as flowed_out,
    {{ count_where("outcome = 'failed'") }} as failed,
    {{ count_where("outcome = 'in_progress'") }} as in_progress,
    {{ count_where("is_vendor_in_sla") }} as vendor_in_sla,
    {{ count_where("is_vendor_not_in_sla") }} as vendor_not_in_sla,
    {{ count_where("is_in_governed_numerator") }} as service_level_numerator,
    {{ count_where("is_in_governed_denominator") }} as service_level_denominator,
    {{ count_where("target_seconds is not null and is_offered") }} as offered_with_target,
    {{ count_where("target_seconds is not null and outcome = 'answered'") }} as answered_with_target,
    {{ count_where("target_seconds is not null and outcome = 'abandoned'") }} as abandoned_with_target,
    {{ count_where("target_seconds is not null and is_short_abandon") }} as short_abandoned_with_target,
    {{ sum_where("wait_seconds", "is_offered") }} as wait_seconds,
    {{ sum_where("wait_seconds", "outcome = 'answered'") }} as answered_wait_seconds,
    {{ sum_where("wait_seconds", "outcome = 'abandoned'") }} as abandoned_wait_seconds,
    {{ sum_where("wait_seconds", "outcome = 'flowed_out'") }} as flowed_out_wait_seconds,
    {{ sum_where("wait_seconds", "outcome = 'failed'") }} as failed_wait_seconds,
    max(case when is_offered then wait_seconds end) as longest_wait_seconds,
    max(case when outcome = 'answered' then wait_seconds end) as longest_answered_wait_seconds,
    max(case when outcome = 'abandoned' then wait_seconds end) as longest_abandoned_wait_seconds,
    max(case when outcome = 'flowed_out' then wait_seconds end) as longest_flowed_out_wait_seconds,
    max(case when outcome = 'failed' then wait_seconds end) as longest_failed_wait_seconds,
    -- If a target changes within an interval, the stricter one applies.
    max(target_percent) as target_percent
from {{ ref('fct_queue_segments') }}
where {{ is_day_to_compute('interval_start_at', partition='local_date') }}
group by queue_id, language, call_type, interval_start_at
