-- Abandonment and waits of the selection. One row.
{% from '_macros.sql' import in_filters, ratio %}
select
    cast(sum(offered) as bigint) as offered,
    cast(sum(abandoned) as bigint) as abandoned,
    {{ ratio('abandoned - short_abandoned', 'offered - short_abandoned') }} as abandonment_rate,
    {{ ratio('abandoned', 'offered') }} as abandonment_rate_gross,
    {{ ratio('short_abandoned', 'offered') }} as short_abandonment_rate,
    {{ ratio('abandoned_wait_seconds', 'abandoned') }} as average_abandon_time,
    {{ ratio('answered_wait_seconds', 'answered') }} as average_speed_of_answer,
    max(longest_wait_seconds) as longest_wait_seconds
from marts.mart_queue_intervals
where
    interval_minutes = 30
    and local_date between :from_date and :to_date
    and {{ in_filters() }}
