{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    on_schema_change='append_new_columns',
    indexes=lookup_indexes(['local_date']),
    partition_by=day_partitions('local_date'),
    cluster_by=['agent_id'],
    meta={'days': 'local_date', 'dated_by': 'local_date'}
) }}

select
    agent_id,
    direction,
    local_date,
    handled_segments,
    handled_calls,
    held_segments,
    short_calls,
    transfers_out,
    cold_transfers_out,
    warm_transfers_out,
    transferred_calls,
    talk_seconds,
    hold_seconds,
    acw_seconds,
    bcw_seconds,
    ring_seconds,
    handle_seconds,
    vendor_handle_seconds,
    {{ handle_ratios() }}
from {{ ref('agg_agent_days') }}
where {{ is_day_to_compute('local_date') }}
