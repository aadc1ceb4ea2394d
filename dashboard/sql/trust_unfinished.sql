-- Calls that the vendor never ended; they no longer keep their intervals provisional. At most 200.
select
    call_id,
    status,
    local_date,
    queue_name,
    open_seconds
from marts.mart_unfinished_calls
order by open_seconds desc, call_id
limit 200
