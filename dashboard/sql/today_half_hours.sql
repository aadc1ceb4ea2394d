-- The day by half hour, of all selected dates together, beside the same weekdays before.
{% from '_macros.sql' import in_filters, in_periods, period, service_level, target_level %}
with

bounds as (

    select case when min(local_date) < cast(:before_from as date) then cast(:before_from as date) end as before_from
    from marts.mart_queue_days

),

half_hours as (

    select
        {{ period() }},
        cast(interval_start_local as time) as time_of_day,
        cast(sum(offered) as bigint) as offered,
        {{ service_level() }} as service_level,
        {{ target_level() }} as target_level,
        cast(sum(abandoned) as bigint) as abandoned,
        bool_and(is_final) as is_final
    from marts.mart_queue_intervals
    cross join bounds
    where
        interval_minutes = 30
        and {{ in_periods() }}
        and {{ in_filters() }}
    group by 1, 2

)

select
    time_of_day,
    selected.offered,
    selected.service_level,
    selected.target_level,
    selected.abandoned,
    selected.is_final,
    before.offered as offered_before,
    before.service_level as service_level_before
from (select * from half_hours where period = 'selected') as selected
full join (select * from half_hours where period = 'before') as before using (time_of_day)
order by time_of_day
