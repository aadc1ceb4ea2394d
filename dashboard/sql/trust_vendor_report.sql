-- The vendor's daily report beside our figures: where they differ, largest difference first; at most 200.
{% from '_macros.sql' import in_queues %}
select
    report_date,
    queue_name,
    metric,
    vendor_value,
    our_value,
    difference,
    likely_cause
from marts.mart_vendor_report_comparison
where
    report_date between :from_date and :to_date
    and {{ in_queues() }}
order by abs(difference) desc, report_date, queue_name, metric
limit 200
