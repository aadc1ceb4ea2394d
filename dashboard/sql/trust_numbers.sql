-- What keeps the selected days from being certain. One row.
{% from '_macros.sql' import in_queues %}
with

days as (

    select
        count(*) as days,
        count(case when verdict in ('proven', 'counted') then 1 end) as days_reconciled,
        count(case when verdict = 'differs' then 1 end) as days_that_differ,
        cast(coalesce(sum(open_windows), 0) as bigint) as open_windows,
        cast(coalesce(sum(rejected), 0) as bigint) as rejected,
        cast(coalesce(sum(vanished), 0) as bigint) as vanished,
        max(checked_at) as last_reconciled_at
    from marts.mart_completeness
    where counted_by = 'queued_at' and day_utc between :from_date and :to_date

),

intervals as (

    select cast(count(case when is_final then 1 end) as double precision) / nullif(count(*), 0) as final_interval_share
    from marts.mart_queue_intervals
    where
        interval_minutes = 30
        and local_date between :from_date and :to_date
        and {{ in_queues() }}

),

restated as (

    select count(distinct (interval_start_at, queue_id)) as restated_intervals
    from marts.mart_restatements
    where
        cast(interval_start_at as date) between :from_date and :to_date
        and {{ in_queues() }}

),

unfinished as (select count(*) as unfinished_calls from marts.mart_unfinished_calls)

select *
from days
cross join intervals
cross join restated
cross join unfinished
