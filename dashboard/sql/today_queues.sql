-- The queues, worst gap to its target first.
with

queues as (

    select
        queue_id,
        max(queue_name) as queue_name,
        cast(sum(offered) as bigint) as offered,
        cast(sum(service_level_numerator) as double precision)
        / nullif(sum(service_level_denominator), 0) as service_level,
        cast(sum(target_percent * service_level_denominator) as double precision)
        / 100 / nullif(sum(case when target_percent is not null then service_level_denominator end), 0)
            as target_level,
        cast(sum(abandoned - short_abandoned) as double precision)
        / nullif(sum(offered - short_abandoned), 0) as abandonment_rate,
        cast(sum(answered_wait_seconds) as double precision) / nullif(sum(answered), 0) as average_speed_of_answer,
        max(longest_wait_seconds) as longest_wait_seconds,
        bool_and(is_final) as is_final
    from marts.mart_queue_intervals
    where
        interval_minutes = 30
        and local_date between :from_date and :to_date
        and (:queues = '' or strpos(:queues, '|' || cast(queue_id as varchar) || '|') > 0)
        and (:language = '' or language = :language)
        and (:call_type = '' or call_type = :call_type)
    group by queue_id

)

select
    queue_id,
    queue_name,
    offered,
    service_level,
    target_level,
    service_level - target_level as service_level_gap,
    abandonment_rate,
    average_speed_of_answer,
    longest_wait_seconds,
    is_final
from queues
where offered > 0
order by coalesce(service_level - target_level, 9), queue_name, queue_id
