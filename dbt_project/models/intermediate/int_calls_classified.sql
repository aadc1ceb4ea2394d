{{ config(
    materialized='table',
    indexes=lookup_indexes(['call_id']),
    meta={'work_set': true}
) }}

-- The meaning of a call's enumerations: direction, whether it is over, how the caller left.
with

calls as (

    select
        call_id,
        load_id,
        parent_call_id,
        lang,
        call_type,
        status,
        fail_reason,
        deflection,
        voicemail_reason,
        disconnected_by,
        end_user__id,
        menu_path__name,
        created_at,
        queued_at,
        connected_at,
        ends_at,
        updated_at
    from {{ ref('stg_ccaip__calls') }}
    where {{ is_call_to_compute('call_id') }}

),

looked_up as (

    select
        calls.*,
        call_types.direction,
        call_statuses.is_final,
        call_statuses.flows_out_as,
        abandon_reasons.outcome as abandon_outcome,
        abandon_reasons.is_ringing as is_ringing_abandon,
        fail_reasons.is_menu_abandon,
        deflections.is_deflected,
        landed.load_id as landed_load_id
    from calls
    left join {{ ref('call_types') }} as call_types on calls.call_type = call_types.call_type
    left join {{ ref('call_statuses') }} as call_statuses on calls.status = call_statuses.status
    left join {{ ref('fail_reasons') }} as fail_reasons on calls.fail_reason = fail_reasons.fail_reason
    -- The classes valid when the call was created apply to it for good.
    left join {{ ref('int_abandon_fail_reasons') }} as abandon_reasons
        on
            calls.fail_reason = abandon_reasons.fail_reason
            and {{ in_force('abandon_reasons', 'coalesce(calls.created_at, calls.queued_at, calls.updated_at)') }}
    left join {{ ref('deflections') }} as deflections on calls.deflection = deflections.deflection
    left join {{ ref('stg_ccaip__loads') }} as landed
        on
            calls.load_id = landed.load_id
            and landed.status = 0

)

select
    call_id,
    -- Null while the load of the call is incomplete: its nested rows may be missing.
    landed_load_id as load_id,
    parent_call_id,
    coalesce(lang, 'unknown') as language,
    coalesce(call_type, 'unknown') as call_type,
    -- The first words of an unlisted label show its direction.
    case
        when direction is not null then direction
        when call_type like 'Voice Inbound%' or call_type like 'Voice Callback%' then 'inbound'
        when call_type like 'Voice Outbound%' then 'outbound'
        when call_type like 'Voice Scheduled%' or call_type like 'Voice Campaign%' then 'outbound'
        else 'unknown'
    end as direction,
    status,
    coalesce(is_final, ends_at is not null) as is_ended,
    fail_reason,
    abandon_outcome,
    coalesce(abandon_outcome = 'abandoned' and not is_ringing_abandon, false) as is_queue_abandon,
    coalesce(is_ringing_abandon, false) as is_ringing_abandon,
    coalesce(is_menu_abandon, false) as is_menu_abandon,
    case
        when flows_out_as <> 'none' then flows_out_as
        when voicemail_reason <> 'not_voicemail' then 'voicemail'
        when coalesce(is_deflected, deflection is not null) then 'deflected'
    end as flowed_out_as,
    case when coalesce(is_deflected, deflection is not null) then deflection end as deflection,
    disconnected_by,
    end_user__id as end_user_id,
    menu_path__name as menu_path,
    created_at,
    queued_at,
    connected_at,
    ends_at as ended_at,
    updated_at
from looked_up
