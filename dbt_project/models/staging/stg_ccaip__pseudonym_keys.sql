-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    warehouse,
    fingerprint,
    since,
    _dlt_load_id as record_load_id
from {{ source('ccaip', 'pseudonym_keys') }}
