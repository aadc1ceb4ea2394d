-- The languages that can be chosen.
select distinct language as choice
from marts.mart_queue_intervals
where interval_minutes = 60
order by language
