-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    element,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'wait_time_sms') }}
