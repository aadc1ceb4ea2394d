-- Call-backs kept: those that were tried and are over, and how many reached the caller. By what they answer.
{% from '_macros.sql' import in_queues %}
with

sums as (

    select
        cast(sum(scheduled_callbacks) as bigint) as scheduled,
        cast(sum(successful_scheduled_callbacks) as bigint) as successful_scheduled,
        cast(sum(voicemail_callbacks) as bigint) as voicemail,
        cast(sum(successful_voicemail_callbacks) as bigint) as successful_voicemail,
        cast(sum(recovery_callbacks) as bigint) as recovery,
        cast(sum(successful_recovery_callbacks) as bigint) as successful_recovery,
        cast(sum(unlinked_callbacks) as bigint) as unlinked,
        cast(sum(successful_unlinked_callbacks) as bigint) as successful_unlinked
    from marts.mart_deflection_and_callbacks
    where
        local_date between :from_date and :to_date
        and {{ in_queues() }}
        and (:call_type = '' or call_type = :call_type)

),

kinds as (

    select 1 as place, 'asked for' as callback_of, scheduled as callbacks, successful_scheduled as successful
    from sums
    union all
    select 2 as place, 'voicemail' as callback_of, voicemail as callbacks, successful_voicemail as successful
    from sums
    union all
    select 3 as place, 'abandoned or failed' as callback_of, recovery as callbacks, successful_recovery as successful
    from sums
    union all
    select 4 as place, 'a call that is not here' as callback_of, unlinked as callbacks, successful_unlinked as successful
    from sums

)

select
    callback_of,
    callbacks,
    successful as successful_callbacks,
    cast(successful as double precision) / nullif(callbacks, 0) as callback_success_rate
from kinds
where callbacks > 0
order by place
