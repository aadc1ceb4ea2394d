{{ config(
    materialized='incremental',
    incremental_strategy='replace_calls',
    on_schema_change='sync_all_columns',
    meta={'dated_by': 'started_at'},
    indexes=lookup_indexes(['call_id', 'local_date']),
    partition_by=day_partitions('local_date'),
    cluster_by=['queue_id']
) }}

with

sessions as (

    select * from {{ ref('int_virtual_agent_sessions_judged') }}
    {{ where_call_changed('call_id') }}

)

select
    {{ joined_key(['sessions.call_id', 'sessions.idx']) }} as virtual_agent_session_id,
    sessions.call_id,
    sessions.idx,
    sessions.virtual_agent_id,
    sessions.virtual_agent_name,
    sessions.queue_id,
    sessions.queue_name,
    sessions.language,
    calls.call_type,
    calls.direction,
    sessions.transfer_id,
    sessions.started_at,
    sessions.ended_at,
    {{ to_local('sessions.started_at', "'" ~ var('reporting_timezone') ~ "'") }} as started_local,
    cast({{ to_local('sessions.started_at', "'" ~ var('reporting_timezone') ~ "'") }} as date) as local_date,
    sessions.session_seconds,
    sessions.responses,
    sessions.fallback_responses,
    sessions.escalation_reason,
    sessions.is_person_later,
    sessions.outcome,
    sessions.escalation_outcome,
    sessions.outcome = 'contained' as is_contained,
    calls.load_id,
    '{{ rules_fingerprint() }}' as rules_fingerprint
from sessions
inner join {{ ref('int_calls_classified') }} as calls on sessions.call_id = calls.call_id
