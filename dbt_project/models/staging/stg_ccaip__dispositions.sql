-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    user_id as agent_id,
    transfer_id,
    participant_id,
    code,
    note,
    list_name,
    list_path,
    ujet_code_id,
    ujet_list_id,
    custom_code_id,
    custom_list_id,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'dispositions') }}
