{{ config(
    materialized='incremental',
    incremental_strategy='replace_calls',
    on_schema_change='sync_all_columns',
    meta={'dated_by': 'started_at'},
    indexes=lookup_indexes(['call_id', 'local_date', 'interval_start_at', 'started_at']),
    partition_by=day_partitions('local_date'),
    cluster_by=['agent_id', 'queue_id']
) }}

with

segments as (

    select * from {{ ref('int_handled_segments_folded') }}
    {{ where_call_changed('call_id') }}

),

calls as (

    select
        call_id,
        load_id,
        call_type,
        direction,
        is_ended,
        created_at
    from {{ ref('int_calls_classified') }}

),

transfers_out as (

    select
        call_id,
        agent_id,
        leg_id,
        count(*) as transfers_out,
        {{ count_where("kind = 'cold'") }} as cold_transfers_out,
        {{ count_where("kind = 'warm'") }} as warm_transfers_out
    from {{ ref('int_transfers_attributed') }}
    group by call_id, agent_id, leg_id

),

joined as (

    select
        segments.*,
        calls.call_type,
        calls.direction,
        calls.is_ended as is_call_ended,
        calls.load_id,
        coalesce(segments.started_at, calls.created_at) as begun_at,
        case when segments.is_handled then coalesce(transfers_out.transfers_out, 0) else 0 end as transfers_out,
        case
            when segments.is_handled then coalesce(transfers_out.cold_transfers_out, 0) else 0
        end as cold_transfers_out,
        case
            when segments.is_handled then coalesce(transfers_out.warm_transfers_out, 0) else 0
        end as warm_transfers_out
    from segments
    inner join calls on segments.call_id = calls.call_id
    left join transfers_out
        on
            segments.call_id = transfers_out.call_id
            and segments.agent_id = transfers_out.agent_id
            and segments.leg_id = transfers_out.leg_id

)

select
    {{ joined_key(['call_id', 'agent_id', 'leg_id']) }} || case when is_barged then '-barged' else '' end
        as handled_segment_id,
    call_id,
    agent_id,
    leg_id,
    is_barged,
    transfer_id,
    queue_id,
    queue_name,
    coalesce(language, 'unknown') as language,
    call_type,
    direction,
    begun_at as started_at,
    ended_at,
    {{ interval_start('begun_at', var('base_interval_minutes')) }} as interval_start_at,
    {{ to_local('begun_at', "'" ~ var('reporting_timezone') ~ "'") }} as started_local,
    cast({{ to_local('begun_at', "'" ~ var('reporting_timezone') ~ "'") }} as date) as local_date,
    folded_rows,
    has_duplicate_rows,
    is_call_ended,
    is_handled,
    is_handled and hold_seconds > 0 as is_held,
    is_handled and talk_seconds < {{ var('short_call_seconds') }} as is_short_call,
    call_seconds,
    talk_seconds,
    hold_seconds,
    acw_seconds,
    bcw_seconds,
    ring_seconds,
    talk_seconds + hold_seconds + acw_seconds as handle_seconds,
    bcw_seconds + call_seconds + acw_seconds as vendor_handle_seconds,
    transfers_out,
    cold_transfers_out,
    warm_transfers_out,
    load_id,
    '{{ rules_fingerprint() }}' as rules_fingerprint
from joined
