-- The queue segments of one half hour (`at`), or of all selected dates; at most 500.
{% from '_macros.sql' import in_filters %}
select
    segments.call_id,
    timezone(queues.reporting_timezone, segments.entered_queue_at) as entered_local,
    queues.queue_name,
    segments.language,
    segments.call_type,
    segments.wait_seconds,
    segments.target_seconds,
    segments.outcome,
    segments.outcome_rule,
    segments.is_in_governed_numerator,
    segments.is_in_governed_denominator
from marts.fct_queue_segments as segments
inner join marts.dim_queues as queues on segments.queue_id = queues.queue_id
where
    segments.local_date between :from_date and :to_date
    and {{ in_filters('segments.') }}
    and (
        cast(:at as timestamp) is null
        or (
            timezone(queues.reporting_timezone, segments.entered_queue_at) >= cast(:at as timestamp)
            and timezone(queues.reporting_timezone, segments.entered_queue_at)
            < cast(:at as timestamp) + interval '30 minutes'
        )
    )
order by segments.entered_queue_at, segments.queue_segment_id
limit 500
