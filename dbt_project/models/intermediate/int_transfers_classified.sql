{{ config(
    materialized='table',
    indexes=lookup_indexes(['call_id']),
    meta={'work_set': true}
) }}

-- The outcome of each attempt to transfer a call, and whether it was cold or warm.
with

transfers as (

    select
        call_id,
        idx,
        transfer_id,
        status,
        fail_reason,
        deflection,
        created_at,
        connected_at,
        wait_seconds,
        from_agent__id,
        to_agent__id,
        from_virtual_agent__id,
        to_virtual_agent__id,
        from_menu_path__name,
        to_menu_path__name
    from {{ ref('stg_ccaip__transfers') }}
    where {{ is_call_to_compute('call_id') }}

),

-- Only the legs say whether a transfer was cold, and some of their rows leave it out.
leg_rows as (

    select
        call_id,
        transfer_id,
        is_transfer_cold
    from {{ ref('int_handle_rows') }}
    where transfer_id is not null

    union all

    select
        call_id,
        transfer_id,
        is_transfer_cold
    from {{ ref('int_queue_rows') }}
    where transfer_id is not null

),

leg_kinds as (

    select
        call_id,
        transfer_id,
        max(case when is_transfer_cold then 1 when not is_transfer_cold then 0 end) as cold_flag
    from leg_rows
    group by call_id, transfer_id

),

handled_legs as (

    select distinct
        call_id,
        leg_id
    from {{ ref('int_handled_segments_folded') }}
    where is_handled

),

looked_up as (

    select
        transfers.*,
        transfer_statuses.outcome as status_outcome,
        abandon_reasons.outcome as abandon_outcome,
        coalesce(abandon_reasons.is_ringing, false) as is_ringing_abandon,
        coalesce(deflections.is_deflected, transfers.deflection is not null) as is_deflected,
        handled_legs.call_id is not null as is_leg_handled,
        leg_kinds.cold_flag
    from transfers
    left join {{ ref('transfer_statuses') }} as transfer_statuses on transfers.status = transfer_statuses.status
    left join {{ ref('int_abandon_fail_reasons') }} as abandon_reasons
        on
            transfers.fail_reason = abandon_reasons.fail_reason
            and {{ in_force('abandon_reasons', 'transfers.created_at') }}
    left join {{ ref('deflections') }} as deflections on transfers.deflection = deflections.deflection
    left join handled_legs
        on
            transfers.call_id = handled_legs.call_id
            and transfers.transfer_id = handled_legs.leg_id
    left join leg_kinds
        on
            transfers.call_id = leg_kinds.call_id
            and transfers.transfer_id = leg_kinds.transfer_id

)

select
    call_id,
    idx,
    transfer_id,
    status,
    fail_reason,
    -- A handled leg proves the transfer even if its status was never updated, as in the vendor's example.
    case
        when status_outcome = 'completed' or is_leg_handled then 'completed'
        when status_outcome = 'flowed_out' or is_deflected then 'flowed_out'
        when abandon_outcome is not null then abandon_outcome
        when status_outcome = 'failed' or fail_reason <> 'nothing' then 'failed'
        else 'in_progress'
    end as outcome,
    is_ringing_abandon,
    case
        when cold_flag = 1 then 'cold'
        when cold_flag = 0 then 'warm'
        else 'unknown'
    end as kind,
    created_at,
    connected_at,
    wait_seconds,
    from_agent__id as from_agent_id,
    to_agent__id as to_agent_id,
    from_virtual_agent__id as from_virtual_agent_id,
    to_virtual_agent__id as to_virtual_agent_id,
    from_menu_path__name as from_queue_name,
    to_menu_path__name as to_queue_name,
    -- 1: the newest row of a transfer id, which the vendor may repeat.
    row_number() over (partition by call_id, transfer_id order by idx desc) as newest_order
from looked_up
