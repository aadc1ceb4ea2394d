-- Abandonment and waits of the selection. One row.
select
    cast(sum(offered) as bigint) as offered,
    cast(sum(abandoned) as bigint) as abandoned,
    cast(sum(abandoned - short_abandoned) as double precision)
    / nullif(sum(offered - short_abandoned), 0) as abandonment_rate,
    cast(sum(abandoned) as double precision) / nullif(sum(offered), 0) as abandonment_rate_gross,
    cast(sum(short_abandoned) as double precision) / nullif(sum(offered), 0) as short_abandonment_rate,
    cast(sum(abandoned_wait_seconds) as double precision) / nullif(sum(abandoned), 0) as average_abandon_time,
    cast(sum(answered_wait_seconds) as double precision) / nullif(sum(answered), 0) as average_speed_of_answer,
    max(longest_wait_seconds) as longest_wait_seconds
from marts.mart_queue_intervals
where
    interval_minutes = 30
    and local_date between :from_date and :to_date
    and (:queues = '' or strpos(:queues, '|' || cast(queue_id as varchar) || '|') > 0)
    and (:language = '' or language = :language)
    and (:call_type = '' or call_type = :call_type)
