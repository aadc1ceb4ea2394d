-- Published numbers that moved after they were final; the newest 200.
{% from '_macros.sql' import in_queues %}
select
    restated.restated_at,
    timezone(queues.reporting_timezone, restated.interval_start_at) as interval_start_local,
    queues.queue_name,
    restated.language,
    restated.call_type,
    restated.metric,
    restated.value_before,
    restated.value_after,
    restated.cause,
    restated.calls,
    restated.changed_fields
from marts.mart_restatements as restated
inner join marts.dim_queues as queues on restated.queue_id = queues.queue_id
where
    cast(timezone(queues.reporting_timezone, restated.interval_start_at) as date) between :from_date and :to_date
    and {{ in_queues('restated.') }}
order by restated.restated_at desc, restated.interval_start_at, restated.queue_id, restated.metric
limit 200
