-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    recording_idx,
    idx,
    start_at,
    end_at,
    duration as seconds,
    start_agent_id,
    end_agent_id,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'redaction_times') }}
