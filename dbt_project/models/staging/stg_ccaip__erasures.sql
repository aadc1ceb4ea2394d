-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    erasure_id,
    asked_by,
    choice,
    calls,
    rejected_calls,
    mentions,
    asked_at,
    finished_at,
    _dlt_load_id as record_load_id
from {{ source('ccaip', 'erasures') }}
