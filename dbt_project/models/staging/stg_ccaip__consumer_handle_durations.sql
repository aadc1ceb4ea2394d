-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    id as consumer_handle_duration_id,
    call_duration as call_seconds,
    hold_duration as hold_seconds,
    started_at,
    ended_at,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'consumer_handle_durations') }}
