-- Our service level beside the vendor's own verdicts, by queue, and where they part.
select
    queue_id,
    max(queue_name) as queue_name,
    cast(sum(offered) as bigint) as offered,
    cast(sum(agreed) as double precision) / nullif(sum(offered), 0) as agreement_rate,
    cast(sum(answered_in_sl) as double precision) / nullif(sum(counted), 0) as service_level_excl_short_abandons,
    cast(sum(vendor_in_sla) as double precision) / nullif(sum(vendor_counted), 0) as service_level_vendor,
    cast(sum(ours_in_vendor_out) as bigint) as ours_in_vendor_out,
    cast(sum(ours_out_vendor_in) as bigint) as ours_out_vendor_in,
    cast(sum(vendor_excluded) as bigint) as vendor_excluded,
    cast(sum(ours_excluded) as bigint) as ours_excluded,
    cast(sum(vendor_missing) as bigint) as vendor_missing,
    cast(sum(no_target) as bigint) as no_target
from marts.mart_service_level_reconciliation
where
    local_date between :from_date and :to_date
    and (:queues = '' or strpos(:queues, '|' || cast(queue_id as varchar) || '|') > 0)
group by queue_id
having sum(offered) > 0
order by queue_name, queue_id
