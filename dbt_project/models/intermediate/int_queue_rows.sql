{{ config(
    materialized='table',
    indexes=lookup_indexes(['call_id']),
    meta={'work_set': true}
) }}

-- The rows of queue_durations, with a flag for rows that the vendor sent twice. The last copy counts.
with

compared as (

    select
        *,
        {{ is_copied(['call_id', 'queue_duration_id'], known=['queue_duration_id']) }} as is_id_copied,
        {{ is_copied_later(['call_id', 'queue_duration_id'], known=['queue_duration_id']) }} as is_id_copied_later,
        {{ is_copied(
            ['call_id', 'menu_path_id', 'transfer_id', 'agent_id', 'started_at', 'ended_at'],
            known=['started_at', 'ended_at']
        ) }} as is_span_copied,
        {{ is_copied_later(
            ['call_id', 'menu_path_id', 'transfer_id', 'agent_id', 'started_at', 'ended_at'],
            known=['started_at', 'ended_at']
        ) }} as is_span_copied_later
    from {{ ref('stg_ccaip__queue_durations') }}
    where {{ is_call_to_compute('call_id') }}

)

select
    call_id,
    idx,
    queue_duration_id,
    agent_id,
    queue_seconds,
    menu_path_id,
    menu_path,
    lang,
    transfer_id,
    is_transfer_cold,
    started_at,
    ended_at,
    service_level_abandon_threshold_seconds,
    service_level_event,
    service_level_target_percent,
    service_level_target_seconds,
    event,
    is_id_copied or is_span_copied as has_duplicates,
    is_id_copied_later or is_span_copied_later as is_duplicate
from compared
