-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    casting_time,
    group_name,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'offer_events') }}
