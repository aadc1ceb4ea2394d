-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    id as virtual_agent_deflected_escalation_id,
    deflection,
    escalation_id,
    escalation_reason,
    escalated_at,
    menu_path_id,
    menu_path,
    lang,
    virtual_agent__id,
    virtual_agent__name,
    virtual_agent__va_alias,
    virtual_agent__avatar_url,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'virtual_agent_deflected_escalations') }}
