-- The six numbers of the selected dates, beside the same weekdays before. One row.
-- When the newest date is selected the earlier dates end at the same local time, so that a day that is not over is
-- compared with as many hours. There is nothing to compare with where the data begin later.
{% from '_macros.sql' import compared, in_periods, in_queues, period, ratio, service_level, target_level %}
with

reach as (

    select
        case when max(local_date) <= cast(:to_date as date) then max(interval_start_local) end as last_interval,
        min(local_date) as first_date
    from marts.mart_queue_intervals
    where interval_minutes = 30

),

bounds as (

    select
        reach.last_interval - :shift_days * interval '1 day' as last_interval_before,
        case when reach.first_date < cast(:before_from as date) then cast(:before_from as date) end as before_from
    from reach

),

-- not kept as a whole: over a long range that would take most of the server's memory
intervals as not materialized (

    select
        {{ period('intervals.') }},
        intervals.*
    from marts.mart_queue_intervals as intervals
    cross join bounds
    where
        intervals.interval_minutes = 30
        and {{ in_periods('intervals.') }}
        and (
            intervals.local_date >= :from_date
            or intervals.interval_start_local <= coalesce(bounds.last_interval_before, intervals.interval_start_local)
        )
        and {{ in_queues('intervals.') }}

),

queue_ratios as (

    select
        period,
        cast(sum(offered) as bigint) as offered,
        cast(sum(answered) as bigint) as answered,
        {{ service_level() }} as service_level,
        {{ target_level() }} as target_level,
        {{ ratio('abandoned - short_abandoned', 'offered - short_abandoned') }} as abandonment_rate,
        {{ ratio('answered_wait_seconds', 'answered') }} as average_speed_of_answer
    from intervals
    where
        (:language = '' or language = :language)
        and (:call_type = '' or call_type = :call_type)
    group by period

),

-- Whether an interval met its target is asked of the queue as a whole, as in mart_queue_days.
whole_intervals as (

    select
        period,
        queue_id,
        interval_start_at,
        sum(offered_with_target) as offered_with_target,
        sum(service_level_numerator) as service_level_numerator,
        sum(service_level_denominator) as service_level_denominator,
        max(target_percent) as target_percent
    from intervals
    group by period, queue_id, interval_start_at

),

compliance as (

    select
        period,
        cast(
            count(
                case
                    when service_level_denominator > 0
                        and service_level_numerator * 100 >= target_percent * service_level_denominator
                        then 1
                end
            ) as double precision
        ) / nullif(count(*), 0) as interval_sl_compliance
    from whole_intervals
    where target_percent is not null and (offered_with_target > 0 or service_level_denominator > 0)
    group by period

),

handling as (

    select
        {{ period('handled.') }},
        {{ ratio('handle_seconds', 'handled_segments') }} as average_handle_time
    from marts.mart_queue_handle_time as handled
    cross join bounds
    where
        handled.interval_minutes = 30
        and handled.direction = 'inbound'
        and {{ in_periods('handled.') }}
        and (
            handled.local_date >= :from_date
            or handled.interval_start_local <= coalesce(bounds.last_interval_before, handled.interval_start_local)
        )
        and {{ in_queues('handled.') }}
    group by 1

),

numbers as (

    select
        queue_ratios.*,
        compliance.interval_sl_compliance,
        handling.average_handle_time
    from queue_ratios
    left join compliance on queue_ratios.period = compliance.period
    left join handling on queue_ratios.period = handling.period

)

select
    selected.target_level,
    selected.service_level - selected.target_level as service_level_gap,
    {{ compared([
        'service_level', 'abandonment_rate', 'average_speed_of_answer', 'offered', 'average_handle_time',
        'interval_sl_compliance'
    ]) }}
from (select * from numbers where period = 'selected') as selected
left join (select * from numbers where period = 'before') as before on true
