-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    id as queue_duration_id,
    agent_id,
    queue_duration as queue_seconds,
    menu_path_id,
    menu_path,
    lang,
    transfer as is_transfer,
    transfer_id,
    transfer_cold as is_transfer_cold,
    started_at,
    ended_at,
    service_level_abandon_time_threshold as service_level_abandon_threshold_seconds,
    service_level_event,
    service_level_target_percent,
    service_level_target_time as service_level_target_seconds,
    event,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'queue_durations') }}
