-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    load_id,
    status,
    inserted_at
from {{ source('ccaip', '_dlt_loads') }}
