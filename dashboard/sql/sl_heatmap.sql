-- Service level against target, by date and half hour.
{% from '_macros.sql' import in_filters, service_level, target_level %}
with

cells as (

    select
        local_date,
        interval_start_local,
        cast(interval_start_local as time) as time_of_day,
        cast(sum(offered) as bigint) as offered,
        {{ service_level() }} as service_level,
        {{ target_level() }} as target_level,
        bool_and(is_final) as is_final
    from marts.mart_queue_intervals
    where
        interval_minutes = 30
        and local_date between :from_date and :to_date
        and {{ in_filters() }}
    group by local_date, interval_start_local

)

select
    *,
    service_level - target_level as service_level_gap
from cells
order by local_date, interval_start_local
