-- Where callers went instead of being answered in a queue. One row.
{% from '_macros.sql' import in_queues, ratio %}
with

deflections as (

    select
        cast(coalesce(sum(contacts), 0) as bigint) as contacts,
        cast(coalesce(sum(deflected_to_voicemail), 0) as bigint) as deflected_to_voicemail,
        cast(coalesce(sum(deflected_to_callback), 0) as bigint) as deflected_to_callback,
        cast(coalesce(sum(deflected_elsewhere), 0) as bigint) as deflected_elsewhere,
        {{ ratio('deflected_to_voicemail', 'contacts') }} as voicemail_rate,
        {{ ratio('deflected_to_callback', 'contacts') }} as callback_request_rate,
        {{ ratio('deflected_elsewhere', 'contacts') }} as sent_elsewhere_rate
    from marts.mart_deflection_and_callbacks
    where
        local_date between :from_date and :to_date
        and {{ in_queues() }}
        and (:call_type = '' or call_type = :call_type)

),

menus as (

    select
        cast(coalesce(sum(entered_menu), 0) as bigint) as entered_menu,
        cast(coalesce(sum(menu_abandoned), 0) as bigint) as menu_abandoned,
        {{ ratio('menu_abandoned', 'entered_menu') }} as ivr_abandonment_rate
    from marts.mart_ivr
    where
        local_date between :from_date and :to_date
        and {{ in_queues() }}
        and (:call_type = '' or call_type = :call_type)

)

select *
from deflections
cross join menus
