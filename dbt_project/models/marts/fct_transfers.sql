{{ config(
    materialized='incremental',
    incremental_strategy='replace_calls',
    on_schema_change='sync_all_columns',
    indexes=lookup_indexes(['call_id', 'local_date']),
    partition_by=day_partitions('local_date'),
    cluster_by=['from_agent_id']
) }}

with

transfers as (

    select * from {{ ref('int_transfers_classified') }}
    {{ where_call_changed('call_id') }}

)

select
    {{ joined_key(['transfers.call_id', 'transfers.idx']) }} as transfer_attempt_id,
    transfers.call_id,
    transfers.idx,
    transfers.transfer_id,
    transfers.status,
    transfers.fail_reason,
    transfers.outcome,
    transfers.outcome = 'completed' as is_completed,
    transfers.is_ringing_abandon,
    transfers.kind,
    calls.direction,
    calls.call_type,
    transfers.created_at,
    transfers.connected_at,
    {{ to_local('transfers.created_at', "'" ~ var('reporting_timezone') ~ "'") }} as created_local,
    cast(
        {{ to_local(
            'coalesce(transfers.created_at, calls.created_at, calls.updated_at)',
            "'" ~ var('reporting_timezone') ~ "'"
        ) }} as date
    ) as local_date,
    transfers.wait_seconds,
    transfers.from_agent_id,
    transfers.to_agent_id,
    transfers.from_virtual_agent_id,
    transfers.to_virtual_agent_id,
    placed.from_queue_id,
    placed.to_queue_id,
    transfers.from_queue_name,
    transfers.to_queue_name,
    case
        when attributed.call_id is not null
            then {{ joined_key(['attributed.call_id', 'attributed.agent_id', 'attributed.leg_id']) }}
    end as from_handled_segment_id,
    calls.load_id,
    '{{ rules_fingerprint() }}' as rules_fingerprint
from transfers
inner join {{ ref('int_calls_classified') }} as calls on transfers.call_id = calls.call_id
left join {{ ref('int_transfers_attributed') }} as attributed
    on
        transfers.call_id = attributed.call_id
        and transfers.idx = attributed.idx
left join {{ ref('int_transfers_placed') }} as placed
    on
        transfers.call_id = placed.call_id
        and transfers.idx = placed.idx
