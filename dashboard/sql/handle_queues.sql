-- Talk, hold and wrap-up for each handled segment, by queue.
select
    queue_id,
    max(queue_name) as queue_name,
    cast(sum(handled_segments) as bigint) as handled_segments,
    cast(sum(handle_seconds) as double precision) / nullif(sum(handled_segments), 0) as average_handle_time,
    cast(sum(talk_seconds) as double precision) / nullif(sum(handled_segments), 0) as average_talk_time,
    cast(sum(hold_seconds) as double precision) / nullif(sum(handled_segments), 0) as average_hold_time,
    cast(sum(acw_seconds) as double precision) / nullif(sum(handled_segments), 0) as average_acw_time,
    cast(sum(transfers_out) as bigint) as transfers_out,
    cast(sum(cold_transfers_out) as bigint) as cold_transfers_out,
    cast(sum(warm_transfers_out) as bigint) as warm_transfers_out,
    cast(sum(transfers_out) as double precision) / nullif(sum(handled_segments), 0) as transfer_rate
from marts.mart_queue_handle_time
where
    interval_minutes = 60
    and local_date between :from_date and :to_date
    and direction = :direction
    and (:queues = '' or strpos(:queues, '|' || cast(queue_id as varchar) || '|') > 0)
group by queue_id
having sum(handled_segments) > 0
order by queue_name, queue_id
