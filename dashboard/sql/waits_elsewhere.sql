-- Where callers went instead of being answered in a queue. One row.
with

deflections as (

    select
        cast(coalesce(sum(contacts), 0) as bigint) as contacts,
        cast(coalesce(sum(deflected_to_voicemail), 0) as bigint) as deflected_to_voicemail,
        cast(coalesce(sum(deflected_to_callback), 0) as bigint) as deflected_to_callback,
        cast(coalesce(sum(deflected_elsewhere), 0) as bigint) as deflected_elsewhere,
        cast(sum(deflected_to_voicemail) as double precision) / nullif(sum(contacts), 0) as voicemail_rate,
        cast(sum(deflected_to_callback) as double precision) / nullif(sum(contacts), 0) as callback_request_rate,
        cast(sum(deflected_elsewhere) as double precision) / nullif(sum(contacts), 0) as sent_elsewhere_rate
    from marts.mart_deflection_and_callbacks
    where
        local_date between :from_date and :to_date
        and (:queues = '' or strpos(:queues, '|' || cast(queue_id as varchar) || '|') > 0)
        and (:call_type = '' or call_type = :call_type)

),

menus as (

    select
        cast(coalesce(sum(entered_menu), 0) as bigint) as entered_menu,
        cast(coalesce(sum(menu_abandoned), 0) as bigint) as menu_abandoned,
        cast(sum(menu_abandoned) as double precision) / nullif(sum(entered_menu), 0) as ivr_abandonment_rate
    from marts.mart_ivr
    where
        local_date between :from_date and :to_date
        and (:queues = '' or strpos(:queues, '|' || cast(queue_id as varchar) || '|') > 0)
        and (:call_type = '' or call_type = :call_type)

)

select *
from deflections
cross join menus
