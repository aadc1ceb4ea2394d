-- Service level of each queue's day, fourteen days to the last selected one.
select
    queue_id,
    local_date,
    cast(sum(offered) as bigint) as offered,
    cast(sum(service_level_numerator) as double precision)
    / nullif(sum(service_level_denominator), 0) as service_level
from marts.mart_queue_intervals
where
    interval_minutes = 30
    and local_date between :trend_from and :to_date
    and (:queues = '' or strpos(:queues, '|' || cast(queue_id as varchar) || '|') > 0)
    and (:language = '' or language = :language)
    and (:call_type = '' or call_type = :call_type)
group by queue_id, local_date
order by queue_id, local_date
