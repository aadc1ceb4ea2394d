-- Abandonment by weekday and hour.
{% from '_macros.sql' import in_filters, ratio %}
select
    cast(extract(isodow from local_date) as integer) as weekday,
    cast(extract(hour from interval_start_local) as integer) as hour_of_day,
    cast(sum(offered) as bigint) as offered,
    cast(sum(abandoned) as bigint) as abandoned,
    {{ ratio('abandoned - short_abandoned', 'offered - short_abandoned') }} as abandonment_rate
from marts.mart_queue_intervals
where
    interval_minutes = 30
    and local_date between :from_date and :to_date
    and {{ in_filters() }}
group by 1, 2
having sum(offered) > 0
order by 1, 2
