-- The parts of every handle-time metric, by agent, direction and local date of the segment's start.
select
    agent_id,
    direction,
    local_date,
    {{ handle_parts() }}
from {{ ref('fct_handled_segments') }}
group by agent_id, direction, local_date
