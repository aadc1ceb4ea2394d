-- How final and how complete the selected dates are. One row.
{% from '_macros.sql' import in_filters %}
with

intervals as (

    select
        count(*) as intervals,
        count(case when is_final then 1 end) as final_intervals
    from marts.mart_queue_intervals
    where
        interval_minutes = 30
        and local_date between :from_date and :to_date
        and {{ in_filters() }}

),

days as (

    select
        count(*) as days,
        count(case when verdict in ('proven', 'counted') then 1 end) as days_reconciled,
        count(case when verdict = 'loaded' then 1 end) as days_loaded,
        count(case when verdict = 'partly loaded' then 1 end) as days_partly_loaded,
        count(case when verdict = 'open' then 1 end) as days_open,
        count(case when verdict = 'differs' then 1 end) as days_that_differ,
        cast(coalesce(sum(rejected), 0) as bigint) as rejected
    from marts.mart_completeness
    where counted_by = 'queued_at' and day_utc between :from_date and :to_date

)

select
    intervals.*,
    cast(intervals.final_intervals as double precision) / nullif(intervals.intervals, 0) as final_interval_share,
    days.*
from intervals
cross join days
