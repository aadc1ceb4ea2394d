-- Calls with the queue under which they are counted, and whether each is a contact and over.
with

calls as (

    select
        calls.*,
        coalesce(calls.entry_queue_id, named_queues.queue_id, -1) as queue_id
    from {{ ref('fct_calls') }} as calls
    left join {{ ref('int_named_queues') }} as named_queues on calls.menu_path = named_queues.queue_name

)

select
    calls.call_id,
    calls.parent_call_id,
    calls.local_date,
    calls.queue_id,
    case
        when calls.queue_id = -1 then 'unknown'
        else coalesce(queues.queue_name, {{ as_text('calls.queue_id') }})
    end as queue_name,
    calls.call_type,
    calls.end_user_id,
    calls.status,
    calls.created_at,
    calls.updated_at,
    coalesce(calls.created_at, calls.queued_at, calls.updated_at) as begun_at,
    -- Calls by callers themselves. Outbound calls and call-backs respond to a contact.
    calls.direction = 'inbound' and calls.parent_call_id is null as is_contact,
    calls.is_ended,
    -- Scheduled calls and open voicemails are over for the caller.
    calls.is_ended or calls.flowed_out_as is not null as is_over,
    calls.flowed_out_as,
    calls.deflection,
    calls.has_entered_menu,
    calls.is_menu_abandon,
    calls.menu_seconds,
    calls.handled_segments > 0 as is_handled,
    calls.is_virtual_agent_contained
from calls
left join {{ ref('dim_queues') }} as queues on calls.queue_id = queues.queue_id
