{{ config(
    materialized='incremental',
    incremental_strategy='replace_calls',
    on_schema_change='sync_all_columns',
    meta={'dated_by': 'entered_queue_at'},
    indexes=lookup_indexes(['call_id', 'local_date', 'interval_start_at']),
    partition_by=day_partitions('local_date'),
    cluster_by=['queue_id']
) }}
{%- set entered_queue_local = to_local(
    'segments.entered_queue_at', "coalesce(zones.reporting_timezone, '" ~ var('reporting_timezone') ~ "')"
) %}

with

segments as (

    select * from {{ ref('int_queue_segments_measured') }}
    {{ where_call_changed('call_id') }}

),

calls as (

    select
        call_id,
        load_id,
        call_type,
        direction
    from {{ ref('int_calls_classified') }}

)

select
    {{ joined_key(['segments.call_id', 'segments.idx']) }} as queue_segment_id,
    segments.call_id,
    segments.idx,
    segments.queue_id,
    segments.queue_name,
    segments.language,
    calls.call_type,
    calls.direction,
    segments.transfer_id,
    segments.leg_id,
    segments.agent_id,
    segments.entered_queue_at,
    segments.left_queue_at,
    {{ interval_start('segments.entered_queue_at', var('base_interval_minutes')) }} as interval_start_at,
    case
        when segments.outcome = 'answered'
            then {{ interval_start('segments.left_queue_at', var('base_interval_minutes')) }}
    end as answered_interval_start_at,
    {{ interval_start('segments.left_queue_at', var('base_interval_minutes')) }} as ended_interval_start_at,
    {{ entered_queue_local }} as entered_queue_local,
    cast({{ entered_queue_local }} as date) as local_date,
    segments.wait_seconds,
    segments.target_seconds,
    segments.target_percent,
    segments.abandon_threshold_seconds,
    segments.outcome,
    segments.outcome_rule,
    segments.outcome <> 'in_progress' as is_offered,
    segments.is_answered_in_sl,
    segments.is_short_abandon,
    segments.is_abandoned_in_sl,
    segments.is_abandoned_after_target,
    segments.is_ringing_abandon,
    segments.service_level_event,
    segments.is_vendor_in_sla,
    segments.is_vendor_not_in_sla,
    segments.governed_formula,
    segments.is_in_governed_numerator,
    segments.is_in_governed_denominator,
    segments.event,
    segments.has_duplicate_rows,
    calls.load_id,
    '{{ rules_fingerprint() }}' as rules_fingerprint
from segments
inner join calls on segments.call_id = calls.call_id
left join {{ ref('queue_timezones') }} as zones on segments.queue_id = zones.queue_id
