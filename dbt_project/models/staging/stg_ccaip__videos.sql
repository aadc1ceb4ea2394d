-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    id as video_id,
    url,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'videos') }}
