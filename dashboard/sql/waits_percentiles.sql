-- How long callers of each queue waited: half, 80, 90 and 95 % waited no longer.
{% from '_macros.sql' import in_filters %}
select
    segments.queue_id,
    max(queues.queue_name) as queue_name,
    count(*) as offered,
    percentile_cont(0.5) within group (order by segments.wait_seconds) as wait_p50_seconds,
    percentile_cont(0.8) within group (order by segments.wait_seconds) as wait_p80_seconds,
    percentile_cont(0.9) within group (order by segments.wait_seconds) as wait_p90_seconds,
    percentile_cont(0.95) within group (order by segments.wait_seconds) as wait_p95_seconds
from marts.fct_queue_segments as segments
inner join marts.dim_queues as queues on segments.queue_id = queues.queue_id
where
    segments.is_offered
    and segments.local_date between :from_date and :to_date
    and {{ in_filters('segments.') }}
group by segments.queue_id
order by queue_name, segments.queue_id
