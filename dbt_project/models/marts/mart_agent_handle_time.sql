{{ replaced_by_day('local_date', cluster_by=['agent_id']) }}

select
    agent_days.agent_id,
    {{ shown_name('agents.agent_name', 'agent_days.agent_id', 'no agent') }} as agent_name,
    agent_days.direction,
    agent_days.local_date,
    agent_days.handled_segments,
    agent_days.handled_calls,
    agent_days.held_segments,
    agent_days.short_calls,
    agent_days.transfers_out,
    agent_days.cold_transfers_out,
    agent_days.warm_transfers_out,
    agent_days.transferred_calls,
    agent_days.talk_seconds,
    agent_days.hold_seconds,
    agent_days.acw_seconds,
    agent_days.bcw_seconds,
    agent_days.ring_seconds,
    agent_days.handle_seconds,
    agent_days.vendor_handle_seconds,
    {{ handle_ratios() }}
from {{ ref('agg_agent_days') }} as agent_days
left join {{ ref('dim_agents') }} as agents on agent_days.agent_id = agents.agent_id
where {{ is_day_to_compute('agent_days.local_date') }}
