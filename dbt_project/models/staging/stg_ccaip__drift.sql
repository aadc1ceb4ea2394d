-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    run_id,
    kind,
    table_name,
    field,
    value,
    occurrences,
    noticed_at,
    _dlt_load_id as record_load_id
from {{ source('ccaip', 'drift') }}
