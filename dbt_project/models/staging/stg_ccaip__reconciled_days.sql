-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    counted_by,
    day,
    counted_until,
    counted_by_api,
    in_warehouse,
    missing,
    stale,
    vanished,
    healed,
    compared as is_compared,
    requests,
    checked_at,
    _dlt_load_id as record_load_id
from {{ source('ccaip', 'reconciled_days') }}
