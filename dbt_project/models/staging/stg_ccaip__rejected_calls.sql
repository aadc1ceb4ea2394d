-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_key,
    reason,
    body,
    whole as is_whole,
    window_from,
    window_until,
    attempt,
    rejected_at,
    _dlt_load_id as record_load_id
from {{ source('ccaip', 'rejected_calls') }}
