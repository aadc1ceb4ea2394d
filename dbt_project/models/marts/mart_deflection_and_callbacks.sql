{{ replaced_by_day('local_date', cluster_by=['queue_id']) }}

with

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
    from {{ ref('int_calls_placed') }}
    where
        is_contact
        and is_over
        and {{ is_day_to_compute('local_date') }}

    union all

    select
        local_date,
        queue_id,
        queue_name,
        call_type,
        null as contact_end,
        null as deflection,
        callback_of,
        callback_state
    from {{ ref('int_callbacks') }}
    where {{ is_day_to_compute('local_date') }}

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
