-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    id as consumer_handle_duration_id,
    call_duration as call_seconds,
    hold_duration as hold_seconds,
    chat_duration as chat_seconds,
    message_count,
    response_count,
    response_time_total,
    response_time_max,
    response_time_avg,
    started_at,
    ended_at,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'consumer_handle_durations') }}
