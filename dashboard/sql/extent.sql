-- The first and the last date that callers entered a queue. One row.
select
    min(local_date) as first_date,
    max(local_date) as last_date
from marts.mart_queue_days
