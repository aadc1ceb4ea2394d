-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    id as recording_id,
    source_call_id,
    conference_sid,
    duration as seconds,
    recording_type,
    started_at,
    ended_at,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'recordings') }}
