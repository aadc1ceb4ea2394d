-- How long callers waited, by how the wait ended: ten seconds a bin, the last for all that waited longer.
{% from '_macros.sql' import in_filters %}
select
    cast(least(floor(wait_seconds / 10.0) * 10, 300) as bigint) as wait_from_seconds,
    outcome,
    count(*) as segments,
    min(min(target_seconds)) over () as lowest_target_seconds,
    max(max(target_seconds)) over () as highest_target_seconds
from marts.fct_queue_segments
where
    is_offered
    and wait_seconds is not null
    and local_date between :from_date and :to_date
    and {{ in_filters() }}
group by 1, 2
order by 1, 2
