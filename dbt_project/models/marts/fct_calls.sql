{{ config(
    materialized='incremental',
    incremental_strategy='replace_calls',
    on_schema_change='sync_all_columns',
    meta={'dated_by': 'coalesce(created_at, queued_at, updated_at)'},
    indexes=lookup_indexes(['call_id', 'local_date']),
    partition_by=day_partitions('local_date'),
    cluster_by=['entry_queue_id']
) }}

with

calls as (

    select * from {{ ref('int_calls_classified') }}
    {{ where_call_changed('call_id') }}

),

queue_segments as (

    select
        call_id,
        count(*) as queue_segments,
        {{ sum_of('wait_seconds') }} as queue_wait_seconds
    from {{ ref('int_queue_segments_entered') }}
    group by call_id

),

handled_segments as (

    select
        call_id,
        {{ count_where('is_handled') }} as handled_segments,
        {{ sum_where('talk_seconds + hold_seconds + acw_seconds', 'not is_barged') }} as handle_seconds
    from {{ ref('int_handled_segments_folded') }}
    group by call_id

),

transfers as (

    select
        call_id,
        count(*) as transfers,
        {{ count_where("outcome = 'completed'") }} as completed_transfers
    from {{ ref('int_transfers_classified') }}
    group by call_id

),

menus as (

    select
        call_id,
        {{ sum_of('seconds') }} as menu_seconds
    from {{ ref('stg_ccaip__consumer_in_menu_durations') }}
    where call_id in (select calls.call_id from calls)
    group by call_id

),

virtual_agents as (

    select
        call_id,
        count(*) as virtual_agent_sessions,
        {{ count_where("outcome = 'escalated'") }} as virtual_agent_escalations,
        {{ count_where("outcome = 'contained'") }} as contained_sessions
    from {{ ref('int_virtual_agent_sessions_judged') }}
    group by call_id

)

select
    calls.call_id,
    calls.parent_call_id,
    calls.language,
    calls.call_type,
    calls.direction,
    calls.status,
    calls.is_ended,
    calls.fail_reason,
    calls.is_queue_abandon,
    calls.is_ringing_abandon,
    calls.is_menu_abandon,
    calls.flowed_out_as,
    calls.deflection,
    calls.disconnected_by,
    calls.end_user_id,
    calls.menu_path,
    entered.entry_queue_id,
    calls.created_at,
    calls.queued_at,
    calls.connected_at,
    calls.ended_at,
    calls.updated_at,
    {{ to_local('calls.created_at', "'" ~ var('reporting_timezone') ~ "'") }} as created_local,
    cast(
        {{ to_local(
            'coalesce(calls.created_at, calls.queued_at, calls.updated_at)',
            "'" ~ var('reporting_timezone') ~ "'"
        ) }} as date
    ) as local_date,
    menus.call_id is not null as has_entered_menu,
    coalesce(menus.menu_seconds, 0) as menu_seconds,
    coalesce(queue_segments.queue_segments, 0) as queue_segments,
    coalesce(queue_segments.queue_wait_seconds, 0) as queue_wait_seconds,
    coalesce(handled_segments.handled_segments, 0) as handled_segments,
    coalesce(handled_segments.handle_seconds, 0) as handle_seconds,
    coalesce(transfers.transfers, 0) as transfers,
    coalesce(transfers.completed_transfers, 0) as completed_transfers,
    coalesce(virtual_agents.virtual_agent_sessions, 0) as virtual_agent_sessions,
    coalesce(virtual_agents.virtual_agent_escalations, 0) as virtual_agent_escalations,
    -- Contained: virtual agents, none of whose sessions led to a person or asked for one.
    coalesce(
        virtual_agents.contained_sessions = virtual_agents.virtual_agent_sessions, false
    ) as is_virtual_agent_contained,
    calls.load_id,
    '{{ rules_fingerprint() }}' as rules_fingerprint
from calls
left join queue_segments on calls.call_id = queue_segments.call_id
left join handled_segments on calls.call_id = handled_segments.call_id
left join transfers on calls.call_id = transfers.call_id
left join menus on calls.call_id = menus.call_id
left join virtual_agents on calls.call_id = virtual_agents.call_id
left join {{ ref('int_calls_entered') }} as entered on calls.call_id = entered.call_id
