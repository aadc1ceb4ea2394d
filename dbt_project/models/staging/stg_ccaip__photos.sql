-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    id as photo_id,
    photo_type,
    url,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'photos') }}
