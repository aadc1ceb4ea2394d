-- After how many seconds callers hung up: five seconds a bin, the last for all that waited longer.
{% from '_macros.sql' import in_filters %}
select
    cast(least(floor(wait_seconds / 5.0) * 5, 300) as bigint) as wait_from_seconds,
    count(*) as abandoned,
    count(case when is_short_abandon then 1 end) as short_abandoned,
    min(min(abandon_threshold_seconds)) over () as lowest_threshold_seconds,
    max(max(abandon_threshold_seconds)) over () as highest_threshold_seconds
from marts.fct_queue_segments
where
    outcome = 'abandoned'
    and wait_seconds is not null
    and local_date between :from_date and :to_date
    and {{ in_filters() }}
group by 1
order by 1
