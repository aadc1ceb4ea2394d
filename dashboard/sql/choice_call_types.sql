-- The call types that can be chosen.
select distinct call_type as choice
from marts.mart_queue_intervals
where interval_minutes = 60
order by call_type
