-- Abandonment by weekday and hour.
select
    cast(extract(isodow from local_date) as integer) as weekday,
    cast(extract(hour from interval_start_local) as integer) as hour_of_day,
    cast(sum(offered) as bigint) as offered,
    cast(sum(abandoned) as bigint) as abandoned,
    cast(sum(abandoned - short_abandoned) as double precision)
    / nullif(sum(offered - short_abandoned), 0) as abandonment_rate
from marts.mart_queue_intervals
where
    interval_minutes = 30
    and local_date between :from_date and :to_date
    and (:queues = '' or strpos(:queues, '|' || cast(queue_id as varchar) || '|') > 0)
    and (:language = '' or language = :language)
    and (:call_type = '' or call_type = :call_type)
group by 1, 2
having sum(offered) > 0
order by 1, 2
