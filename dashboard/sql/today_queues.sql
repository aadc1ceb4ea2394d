-- The queues, worst gap to its target first.
{% from '_macros.sql' import in_filters, ratio, service_level, target_level %}
with

queues as (

    select
        queue_id,
        max(queue_name) as queue_name,
        cast(sum(offered) as bigint) as offered,
        {{ service_level() }} as service_level,
        {{ target_level() }} as target_level,
        {{ ratio('abandoned - short_abandoned', 'offered - short_abandoned') }} as abandonment_rate,
        {{ ratio('answered_wait_seconds', 'answered') }} as average_speed_of_answer,
        max(longest_wait_seconds) as longest_wait_seconds,
        bool_and(is_final) as is_final
    from marts.mart_queue_intervals
    where
        interval_minutes = 30
        and local_date between :from_date and :to_date
        and {{ in_filters() }}
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
