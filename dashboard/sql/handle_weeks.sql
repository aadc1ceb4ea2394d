-- Talk, hold and wrap-up for each handled segment, by week, which begins on Monday.
{% from '_macros.sql' import handle_times, in_queues, ratio %}
select
    cast(date_trunc('week', local_date) as date) as week_start,
    {{ handle_times() }},
    cast(sum(transfers_out) as bigint) as transfers_out,
    cast(sum(cold_transfers_out) as bigint) as cold_transfers_out,
    cast(sum(warm_transfers_out) as bigint) as warm_transfers_out,
    {{ ratio('transfers_out', 'handled_segments') }} as transfer_rate
from marts.mart_queue_handle_time
where
    interval_minutes = 60
    and local_date between :from_date and :to_date
    and direction = :direction
    and {{ in_queues() }}
group by 1
having sum(handled_segments) > 0
order by 1
