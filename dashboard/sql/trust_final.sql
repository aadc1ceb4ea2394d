-- How many of each date's intervals are final.
{% from '_macros.sql' import in_queues %}
select
    local_date,
    count(*) as intervals,
    count(case when is_final then 1 end) as final_intervals,
    cast(count(case when is_final then 1 end) as double precision) / nullif(count(*), 0) as final_interval_share
from marts.mart_queue_intervals
where
    interval_minutes = 30
    and local_date between :from_date and :to_date
    and {{ in_queues() }}
group by local_date
order by local_date
