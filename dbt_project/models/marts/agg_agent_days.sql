{{ replaced_by_day('local_date', cluster_by=['agent_id']) }}

-- The parts of every handle-time metric, by agent, direction and local date of the segment's start.
select
    agent_id,
    direction,
    local_date,
    {{ handle_parts() }}
from {{ ref('fct_handled_segments') }}
where {{ is_day_to_compute('local_date') }}
group by agent_id, direction, local_date
