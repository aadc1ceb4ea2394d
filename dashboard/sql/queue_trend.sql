-- Service level of each queue's day, fourteen days to the last selected one.
{% from '_macros.sql' import in_filters, service_level %}
select
    queue_id,
    local_date,
    cast(sum(offered) as bigint) as offered,
    {{ service_level() }} as service_level
from marts.mart_queue_intervals
where
    interval_minutes = 30
    and local_date between :trend_from and :to_date
    and {{ in_filters() }}
group by queue_id, local_date
order by queue_id, local_date
