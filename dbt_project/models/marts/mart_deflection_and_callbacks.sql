with

calls as (

    select * from {{ ref('int_calls_placed') }}

),

-- A call-back counts under the call it responds to, or under its own queue and date if that call is not loaded.
events as (

    select
        local_date,
        queue_id,
        queue_name,
        call_type,
        coalesce(flowed_out_as, 'stayed') as contact_end,
        deflection,
        null as callback_of,
        null as callback_state
    from calls
    where is_contact and is_over

    union all

    select
        coalesce(parents.local_date, children.local_date) as local_date,
        coalesce(parents.queue_id, children.queue_id) as queue_id,
        coalesce(parents.queue_name, children.queue_name) as queue_name,
        coalesce(parents.call_type, children.call_type) as call_type,
        null as contact_end,
        null as deflection,
        case
            when parents.call_id is null then 'unlinked'
            when parents.flowed_out_as in ('scheduled', 'voicemail') then parents.flowed_out_as
            else 'recovery'
        end as callback_of,
        case
            when not children.is_ended then 'open'
            when children.is_handled then 'successful'
            else 'failed'
        end as callback_state
    from calls as children
    left join calls as parents on children.parent_call_id = parents.call_id
    where children.parent_call_id is not null

),

parts as (

    select
        local_date,
        queue_id,
        queue_name,
        call_type,
        {{ count_where("contact_end <> 'stayed'") }} as deflected,
        {{ count_where("contact_end = 'voicemail'") }} as deflected_to_voicemail,
        {{ count_where("contact_end = 'scheduled'") }} as deflected_to_callback,
        {{ count_where("contact_end = 'deflected'") }} as deflected_elsewhere,
        {{ count_where("contact_end <> 'stayed' and deflection = 'after_hours'") }} as deflected_after_hours,
        {{ count_where("contact_end <> 'stayed' and deflection = 'over_capacity'") }} as deflected_over_capacity,
        {{ count_where("callback_state = 'open'") }} as open_callbacks,
        {{ count_where("callback_state <> 'open'") }} as callbacks,
        {{ count_where("callback_state = 'successful'") }} as successful_callbacks,
        {% for kind in ['scheduled', 'voicemail', 'recovery', 'unlinked'] -%}
            {{ count_where("callback_of = '" ~ kind ~ "' and callback_state <> 'open'") }} as {{ kind }}_callbacks,
            {{ count_where("callback_of = '" ~ kind ~ "' and callback_state = 'successful'") }}
                as successful_{{ kind }}_callbacks,
        {% endfor -%}
        count(contact_end) as contacts
    from events
    group by 1, 2, 3, 4

)

select
    *,
    {{ safe_ratio('deflected', 'contacts') }} as deflection_rate,
    {{ safe_ratio('deflected_to_voicemail', 'contacts') }} as voicemail_rate,
    {{ safe_ratio('deflected_to_callback', 'contacts') }} as callback_request_rate,
    {{ safe_ratio('deflected_elsewhere', 'contacts') }} as sent_elsewhere_rate,
    {{ safe_ratio('successful_callbacks', 'callbacks') }} as callback_success_rate,
    {{ safe_ratio('successful_scheduled_callbacks', 'scheduled_callbacks') }} as scheduled_callback_success_rate,
    {{ safe_ratio('successful_recovery_callbacks', 'recovery_callbacks') }} as recovery_success_rate
from parts
