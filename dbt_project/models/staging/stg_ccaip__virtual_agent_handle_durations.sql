-- Generated from pipelines/ccaip/tables.py by `make generate`: do not edit.
select
    call_id,
    idx,
    id as virtual_agent_handle_duration_id,
    virtual_agent__id,
    virtual_agent__name,
    virtual_agent__va_alias,
    virtual_agent__avatar_url,
    call_duration as call_seconds,
    escalation_reason,
    finish_reason,
    sentiment,
    response_count,
    fallback_response_count,
    initiated_by,
    menu_path_id,
    menu_path,
    lang,
    transfer as is_transfer,
    transfer_id,
    started_at,
    ended_at,
    _extra,
    _dlt_load_id as load_id
from {{ source('ccaip', 'virtual_agent_handle_durations') }}
where not coalesce(_deleted, false)
