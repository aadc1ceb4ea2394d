-- Handle time of the selection, beside the same weekdays before. One row. There is nothing to compare with where the
-- data begin later, or while the selection's last date is the newest.
with

bounds as (

    select
        case
            when min(local_date) < cast(:before_from as date) and max(local_date) > cast(:to_date as date)
                then cast(:before_from as date)
        end as before_from
    from marts.mart_queue_days

),

periods as (

    select
        case when handled.local_date >= :from_date then 'selected' else 'before' end as period,
        cast(sum(handled.handled_segments) as bigint) as handled_segments,
        cast(sum(handled.handle_seconds) as double precision)
        / nullif(sum(handled.handled_segments), 0) as average_handle_time,
        cast(sum(handled.talk_seconds) as double precision)
        / nullif(sum(handled.handled_segments), 0) as average_talk_time,
        cast(sum(handled.hold_seconds) as double precision)
        / nullif(sum(handled.handled_segments), 0) as average_hold_time,
        cast(sum(handled.acw_seconds) as double precision)
        / nullif(sum(handled.handled_segments), 0) as average_acw_time,
        cast(sum(handled.transfers_out) as double precision)
        / nullif(sum(handled.handled_segments), 0) as transfer_rate
    from marts.mart_queue_handle_time as handled
    cross join bounds
    where
        handled.interval_minutes = 60
        and handled.direction = :direction
        and (:queues = '' or strpos(:queues, '|' || cast(handled.queue_id as varchar) || '|') > 0)
        and (
            handled.local_date between :from_date and :to_date
            or handled.local_date between bounds.before_from and cast(:before_to as date)
        )
    group by 1

)

select
    selected.handled_segments,
    before.handled_segments as handled_segments_before,
    selected.handled_segments - before.handled_segments as handled_segments_change,
    selected.average_handle_time,
    before.average_handle_time as average_handle_time_before,
    selected.average_handle_time - before.average_handle_time as average_handle_time_change,
    selected.average_talk_time,
    before.average_talk_time as average_talk_time_before,
    selected.average_talk_time - before.average_talk_time as average_talk_time_change,
    selected.average_hold_time,
    before.average_hold_time as average_hold_time_before,
    selected.average_hold_time - before.average_hold_time as average_hold_time_change,
    selected.average_acw_time,
    before.average_acw_time as average_acw_time_before,
    selected.average_acw_time - before.average_acw_time as average_acw_time_change,
    selected.transfer_rate,
    before.transfer_rate as transfer_rate_before,
    selected.transfer_rate - before.transfer_rate as transfer_rate_change
from (select * from periods where period = 'selected') as selected
left join (select * from periods where period = 'before') as before on true
