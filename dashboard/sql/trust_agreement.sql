-- Our service level beside the vendor's own verdicts, by queue, and where they part.
{% from '_macros.sql' import in_queues, ratio %}
select
    queue_id,
    max(queue_name) as queue_name,
    cast(sum(offered) as bigint) as offered,
    {{ ratio('agreed', 'offered') }} as agreement_rate,
    {{ ratio('answered_in_sl', 'counted') }} as service_level_excl_short_abandons,
    {{ ratio('vendor_in_sla', 'vendor_counted') }} as service_level_vendor,
    cast(sum(ours_in_vendor_out) as bigint) as ours_in_vendor_out,
    cast(sum(ours_out_vendor_in) as bigint) as ours_out_vendor_in,
    cast(sum(vendor_excluded) as bigint) as vendor_excluded,
    cast(sum(ours_excluded) as bigint) as ours_excluded,
    cast(sum(vendor_missing) as bigint) as vendor_missing,
    cast(sum(no_target) as bigint) as no_target
from marts.mart_service_level_reconciliation
where
    local_date between :from_date and :to_date
    and {{ in_queues() }}
group by queue_id
having sum(offered) > 0
order by queue_name, queue_id
