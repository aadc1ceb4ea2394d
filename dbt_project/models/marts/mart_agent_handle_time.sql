{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    on_schema_change='append_new_columns',
    indexes=lookup_indexes(['local_date']),
    meta={'days': 'local_date', 'dated_by': 'local_date'}
) }}

select
    work.agent_id,
    {{ shown_name('agents.agent_name', 'work.agent_id', 'no agent') }} as agent_name,
    work.direction,
    work.local_date,
    work.handled_segments,
    work.handled_calls,
    work.held_segments,
    work.short_calls,
    work.transfers_out,
    work.cold_transfers_out,
    work.warm_transfers_out,
    work.transferred_calls,
    work.talk_seconds,
    work.hold_seconds,
    work.acw_seconds,
    work.bcw_seconds,
    work.ring_seconds,
    work.handle_seconds,
    work.vendor_handle_seconds,
    {{ handle_ratios() }}
from {{ ref('agg_agent_days') }} as work
left join {{ ref('dim_agents') }} as agents on work.agent_id = agents.agent_id
where {{ is_day_to_compute('work.local_date') }}
