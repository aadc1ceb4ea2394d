-- The day by half hour, of all selected dates together, beside the same weekdays before.
with

intervals as (

    select
        *,
        local_date >= :from_date as is_selected,
        min(local_date) over () as first_date
    from marts.mart_queue_intervals
    where
        interval_minutes = 30
        and (:queues = '' or strpos(:queues, '|' || cast(queue_id as varchar) || '|') > 0)
        and (:language = '' or language = :language)
        and (:call_type = '' or call_type = :call_type)

),

compared as (

    select *
    from intervals
    where
        local_date between :from_date and :to_date
        or (
            local_date between cast(:before_from as date) and cast(:before_to as date)
            and cast(:before_from as date) > first_date
        )

)

select
    cast(interval_start_local as time) as time_of_day,
    cast(sum(case when is_selected then offered end) as bigint) as offered,
    cast(sum(case when is_selected then service_level_numerator end) as double precision)
    / nullif(sum(case when is_selected then service_level_denominator end), 0) as service_level,
    cast(sum(case when is_selected then target_percent * service_level_denominator end) as double precision)
    / 100
    / nullif(
        sum(case when is_selected and target_percent is not null then service_level_denominator end), 0
    ) as target_level,
    cast(sum(case when is_selected then abandoned end) as bigint) as abandoned,
    bool_and(case when is_selected then is_final end) as is_final,
    cast(sum(case when not is_selected then offered end) as bigint) as offered_before,
    cast(sum(case when not is_selected then service_level_numerator end) as double precision)
    / nullif(sum(case when not is_selected then service_level_denominator end), 0) as service_level_before
from compared
group by cast(interval_start_local as time)
order by time_of_day
