-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    kind,
    pseudonym,
    choice,
    erasure_id,
    _dlt_load_id as record_load_id
from {{ source('ccaip', 'forgotten') }}
