{{ replaced_by_day('local_date', cluster_by=['call_type']) }}

-- How many calls of each local date have which type, and which days (UTC) of their other timestamps.
select
    local_date,
    call_type,
    direction,
    {{ interval_start('queued_at', 1440) }} as queued_day_at,
    {{ interval_start('updated_at', 1440) }} as updated_day_at,
    count(*) as calls
from {{ ref('fct_calls') }}
where {{ is_day_to_compute('local_date') }}
group by 1, 2, 3, 4, 5
