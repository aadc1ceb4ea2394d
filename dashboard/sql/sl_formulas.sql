-- The governed service level and every other formula, from the same calls. One row.
select
    cast(sum(offered) as bigint) as offered,
    cast(sum(service_level_numerator) as double precision)
    / nullif(sum(service_level_denominator), 0) as service_level,
    cast(sum(answered_in_sl) as double precision)
    / nullif(sum(answered_with_target + abandoned_with_target - short_abandoned_with_target), 0)
        as service_level_excl_short_abandons,
    cast(sum(answered_in_sl) as double precision)
    / nullif(sum(answered_with_target + abandoned_with_target), 0) as service_level_incl_short_abandons,
    cast(sum(answered_in_sl) as double precision)
    / nullif(sum(offered_with_target), 0) as service_level_offered,
    cast(sum(answered_in_sl) as double precision)
    / nullif(sum(answered_with_target + abandoned_after_target), 0) as service_level_abandons_ignored,
    cast(sum(answered_in_sl + abandoned_in_sl) as double precision)
    / nullif(sum(answered_with_target + abandoned_with_target - short_abandoned_with_target), 0)
        as service_level_abandons_positive,
    cast(sum(answered_in_sl) as double precision)
    / nullif(sum(answered_with_target), 0) as service_level_answered_only,
    cast(sum(vendor_in_sla) as double precision)
    / nullif(sum(vendor_in_sla + vendor_not_in_sla), 0) as service_level_vendor
from marts.mart_queue_intervals
where
    interval_minutes = 30
    and local_date between :from_date and :to_date
    and (:queues = '' or strpos(:queues, '|' || cast(queue_id as varchar) || '|') > 0)
    and (:language = '' or language = :language)
    and (:call_type = '' or call_type = :call_type)
