-- Agents that the arrivals of a half hour would have needed by Erlang C, over all selected queues: the median of the
-- selected days, and the most of any. Queues are staffed apart here; agents of several queues would be fewer.
{% from '_macros.sql' import in_queues %}
with

half_hours as (

    select
        local_date,
        cast(interval_start_local as time) as time_of_day,
        cast(sum(agents_needed) as bigint) as agents_needed
    from marts.mart_staffing
    where
        local_date between :from_date and :to_date
        and {{ in_queues() }}
    group by local_date, cast(interval_start_local as time)

)

select
    time_of_day,
    count(*) as days,
    percentile_cont(0.5) within group (order by agents_needed) as median_agents_needed,
    max(agents_needed) as most_agents_needed
from half_hours
where agents_needed is not null
group by time_of_day
order by time_of_day
