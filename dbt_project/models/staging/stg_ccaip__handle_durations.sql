-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    id as handle_duration_id,
    agent_id,
    acw_duration as acw_seconds,
    bcw_duration as bcw_seconds,
    call_duration as call_seconds,
    hold_duration as hold_seconds,
    wait_duration as wait_seconds,
    assigned_connection_duration as ring_seconds,
    menu_path_id,
    menu_path,
    lang,
    barged as is_barged,
    transfer as is_transfer,
    transfer_id,
    transfer_cold as is_transfer_cold,
    started_at,
    ended_at,
    scheduled_at,
    event,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'handle_durations') }}
where not coalesce(_deleted, false)
