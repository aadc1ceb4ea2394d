-- Service level and target of each queue's day.
{% from '_macros.sql' import in_filters, service_level, target_level %}
select
    queue_id,
    max(queue_name) as queue_name,
    local_date,
    cast(sum(offered) as bigint) as offered,
    {{ service_level() }} as service_level,
    {{ target_level() }} as target_level,
    bool_and(is_final) as is_final
from marts.mart_queue_intervals
where
    interval_minutes = 30
    and local_date between :from_date and :to_date
    and {{ in_filters() }}
group by queue_id, local_date
order by queue_name, queue_id, local_date
