-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    id as consumer_event_duration_id,
    type,
    event,
    duration as seconds,
    menu_path_id,
    menu_path,
    lang,
    started_at,
    ended_at,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'consumer_event_durations') }}
