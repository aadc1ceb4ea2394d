-- Service level and target of each queue's day.
select
    queue_id,
    max(queue_name) as queue_name,
    local_date,
    cast(sum(offered) as bigint) as offered,
    cast(sum(service_level_numerator) as double precision)
    / nullif(sum(service_level_denominator), 0) as service_level,
    cast(sum(target_percent * service_level_denominator) as double precision)
    / 100 / nullif(sum(case when target_percent is not null then service_level_denominator end), 0) as target_level,
    bool_and(is_final) as is_final
from marts.mart_queue_intervals
where
    interval_minutes = 30
    and local_date between :from_date and :to_date
    and (:queues = '' or strpos(:queues, '|' || cast(queue_id as varchar) || '|') > 0)
    and (:language = '' or language = :language)
    and (:call_type = '' or call_type = :call_type)
group by queue_id, local_date
order by queue_name, queue_id, local_date
