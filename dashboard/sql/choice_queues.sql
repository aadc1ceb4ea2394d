-- The queues that can be chosen.
select
    queue_id,
    queue_name,
    reporting_timezone
from marts.dim_queues
order by queue_name, queue_id
