-- Handle time of the selection, beside the same weekdays before. One row. There is nothing to compare with where the
-- data begin later, or while the selection's last date is the newest.
{% from '_macros.sql' import compared, handle_times, in_periods, in_queues, period, ratio %}
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
        {{ period() }},
        {{ handle_times() }},
        {{ ratio('transfers_out', 'handled_segments') }} as transfer_rate
    from marts.mart_queue_handle_time
    cross join bounds
    where
        interval_minutes = 60
        and direction = :direction
        and {{ in_queues() }}
        and {{ in_periods() }}
    group by 1

)

select
    {{ compared([
        'handled_segments', 'average_handle_time', 'average_talk_time', 'average_hold_time', 'average_acw_time',
        'transfer_rate'
    ]) }}
from (select * from periods where period = 'selected') as selected
left join (select * from periods where period = 'before') as before on true
