-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    id as deflection_detail_id,
    source_call_id,
    transfer_id,
    deflection,
    from_menu_path__items_count,
    from_menu_path__name,
    from_menu_path__materialized_path,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'deflection_details') }}
