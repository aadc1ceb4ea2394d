{{ replaced_by_day('local_date', cluster_by=['from_queue_id']) }}

with

parts as (

    select
        local_date,
        kind,
        coalesce(from_queue_id, -1) as from_queue_id,
        coalesce(to_queue_id, -1) as to_queue_id,
        coalesce(from_agent_id, -1) as from_agent_id,
        coalesce(to_agent_id, -1) as to_agent_id,
        count(*) as attempts,
        {{ count_where("outcome = 'completed'") }} as completed,
        {{ count_where("outcome = 'failed'") }} as failed,
        {{ count_where("outcome = 'abandoned'") }} as abandoned,
        {{ count_where("outcome = 'flowed_out'") }} as flowed_out,
        {{ count_where("outcome = 'in_progress'") }} as in_progress,
        {{ count_where("to_virtual_agent_id is not null") }} as attempts_to_virtual_agent,
        {{ sum_of('wait_seconds') }} as wait_seconds,
        {{ sum_where('wait_seconds', "outcome = 'completed'") }} as completed_wait_seconds
    from {{ ref('fct_transfers') }}
    where {{ is_day_to_compute('local_date') }}
    group by 1, 2, 3, 4, 5, 6

)

select
    parts.local_date,
    parts.kind,
    parts.from_queue_id,
    {{ shown_name('from_queues.queue_name', 'parts.from_queue_id', 'no queue') }} as from_queue_name,
    parts.to_queue_id,
    {{ shown_name('to_queues.queue_name', 'parts.to_queue_id', 'no queue') }} as to_queue_name,
    parts.from_agent_id,
    {{ shown_name('from_agents.agent_name', 'parts.from_agent_id', 'no agent') }} as from_agent_name,
    parts.to_agent_id,
    {{ shown_name('to_agents.agent_name', 'parts.to_agent_id', 'no agent') }} as to_agent_name,
    parts.attempts,
    parts.completed,
    parts.failed,
    parts.abandoned,
    parts.flowed_out,
    parts.in_progress,
    parts.attempts_to_virtual_agent,
    parts.wait_seconds,
    parts.completed_wait_seconds,
    {{ safe_ratio('parts.completed', 'parts.attempts - parts.in_progress') }} as transfer_completion_rate,
    {{ safe_ratio('parts.failed', 'parts.attempts - parts.in_progress') }} as transfer_failure_rate,
    {{ safe_ratio('parts.completed_wait_seconds', 'parts.completed') }} as average_transfer_wait_time
from parts
left join {{ ref('dim_queues') }} as from_queues on parts.from_queue_id = from_queues.queue_id
left join {{ ref('dim_queues') }} as to_queues on parts.to_queue_id = to_queues.queue_id
left join {{ ref('dim_agents') }} as from_agents on parts.from_agent_id = from_agents.agent_id
left join {{ ref('dim_agents') }} as to_agents on parts.to_agent_id = to_agents.agent_id
