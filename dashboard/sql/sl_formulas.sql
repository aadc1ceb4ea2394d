-- The governed service level and every other formula, from the same calls. One row.
{% from '_macros.sql' import in_filters, ratio, service_level %}
select
    cast(sum(offered) as bigint) as offered,
    {{ service_level() }} as service_level,
    {{ ratio(
        'answered_in_sl',
        'answered_with_target + abandoned_with_target - short_abandoned_with_target'
    ) }} as service_level_excl_short_abandons,
    {{ ratio(
        'answered_in_sl',
        'answered_with_target + abandoned_with_target'
    ) }} as service_level_incl_short_abandons,
    {{ ratio('answered_in_sl', 'offered_with_target') }} as service_level_offered,
    {{ ratio(
        'answered_in_sl',
        'answered_with_target + abandoned_after_target'
    ) }} as service_level_abandons_ignored,
    {{ ratio(
        'answered_in_sl + abandoned_in_sl',
        'answered_with_target + abandoned_with_target - short_abandoned_with_target'
    ) }} as service_level_abandons_positive,
    {{ ratio('answered_in_sl', 'answered_with_target') }} as service_level_answered_only,
    {{ ratio('vendor_in_sla', 'vendor_in_sla + vendor_not_in_sla') }} as service_level_vendor
from marts.mart_queue_intervals
where
    interval_minutes = 30
    and local_date between :from_date and :to_date
    and {{ in_filters() }}
