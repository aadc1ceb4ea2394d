-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    queued_at,
    updated_at,
    noticed_at,
    _dlt_load_id as record_load_id
from {{ source('ccaip', 'vanished_calls') }}
