-- The six numbers of the selected dates, beside the same weekdays before. One row.
-- When the newest date is selected the earlier dates end at the same local time, so that a day that is not over is
-- compared with as many hours. There is nothing to compare with where the data begin later.
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

intervals as (

    select
        case when intervals.local_date >= :from_date then 'selected' else 'before' end as period,
        intervals.*
    from marts.mart_queue_intervals as intervals
    cross join bounds
    where
        intervals.interval_minutes = 30
        and (
            intervals.local_date between :from_date and :to_date
            or (
                intervals.local_date between bounds.before_from and cast(:before_to as date)
                and intervals.interval_start_local
                <= coalesce(bounds.last_interval_before, intervals.interval_start_local)
            )
        )
        and (:queues = '' or strpos(:queues, '|' || cast(intervals.queue_id as varchar) || '|') > 0)

),

queue_ratios as (

    select
        period,
        cast(sum(offered) as bigint) as offered,
        cast(sum(answered) as bigint) as answered,
        cast(sum(service_level_numerator) as double precision)
        / nullif(sum(service_level_denominator), 0) as service_level,
        cast(sum(target_percent * service_level_denominator) as double precision)
        / 100 / nullif(sum(case when target_percent is not null then service_level_denominator end), 0)
            as target_level,
        cast(sum(abandoned - short_abandoned) as double precision)
        / nullif(sum(offered - short_abandoned), 0) as abandonment_rate,
        cast(sum(answered_wait_seconds) as double precision) / nullif(sum(answered), 0) as average_speed_of_answer
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
        case when handled.local_date >= :from_date then 'selected' else 'before' end as period,
        cast(sum(handled.handle_seconds) as double precision)
        / nullif(sum(handled.handled_segments), 0) as average_handle_time
    from marts.mart_queue_handle_time as handled
    cross join bounds
    where
        handled.interval_minutes = 30
        and handled.direction = 'inbound'
        and (
            handled.local_date between :from_date and :to_date
            or (
                handled.local_date between bounds.before_from and cast(:before_to as date)
                and handled.interval_start_local
                <= coalesce(bounds.last_interval_before, handled.interval_start_local)
            )
        )
        and (:queues = '' or strpos(:queues, '|' || cast(handled.queue_id as varchar) || '|') > 0)
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
    selected.service_level,
    selected.target_level,
    selected.service_level - selected.target_level as service_level_gap,
    before.service_level as service_level_before,
    selected.service_level - before.service_level as service_level_change,
    selected.abandonment_rate,
    before.abandonment_rate as abandonment_rate_before,
    selected.abandonment_rate - before.abandonment_rate as abandonment_rate_change,
    selected.average_speed_of_answer,
    before.average_speed_of_answer as average_speed_of_answer_before,
    selected.average_speed_of_answer - before.average_speed_of_answer as average_speed_of_answer_change,
    selected.offered,
    before.offered as offered_before,
    selected.offered - before.offered as offered_change,
    selected.average_handle_time,
    before.average_handle_time as average_handle_time_before,
    selected.average_handle_time - before.average_handle_time as average_handle_time_change,
    selected.interval_sl_compliance,
    before.interval_sl_compliance as interval_sl_compliance_before,
    selected.interval_sl_compliance - before.interval_sl_compliance as interval_sl_compliance_change
from (select * from numbers where period = 'selected') as selected
left join (select * from numbers where period = 'before') as before on true
