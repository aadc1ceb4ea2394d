{{ replaced_by_day('local_date', cluster_by=['queue_id']) }}

with

parts as (

    select
        local_date,
        queue_id,
        max(entered_queue_at) as last_entered_at,
        {{ count_where('is_offered') }} as offered,
        {{ count_where("agreement in ('agreed_in', 'agreed_out', 'agreed_excluded')") }} as agreed,
        {% for kind in [
            'agreed_in', 'agreed_out', 'agreed_excluded', 'ours_in_vendor_out', 'ours_out_vendor_in',
            'vendor_excluded', 'ours_excluded', 'vendor_missing', 'no_target', 'in_progress',
        ] -%}
            {{ count_where("agreement = '" ~ kind ~ "'") }} as {{ kind }},
        {% endfor -%}
        {{ count_where('is_answered_in_sl') }} as answered_in_sl,
        {{ count_where('is_counted') }} as counted,
        {{ count_where('is_vendor_in_sla') }} as vendor_in_sla,
        {{ count_where('is_vendor_counted') }} as vendor_counted
    from {{ ref('int_queue_segments_reconciled') }}
    where {{ is_day_to_compute('local_date') }}
    group by local_date, queue_id

)

select
    parts.local_date,
    parts.queue_id,
    queues.queue_name,
    versions.queue_name as queue_name_then,
    parts.offered,
    parts.agreed,
    parts.agreed_in,
    parts.agreed_out,
    parts.agreed_excluded,
    parts.ours_in_vendor_out,
    parts.ours_out_vendor_in,
    parts.vendor_excluded,
    parts.ours_excluded,
    parts.vendor_missing,
    parts.no_target,
    parts.in_progress,
    parts.answered_in_sl,
    parts.counted,
    parts.vendor_in_sla,
    parts.vendor_counted,
    {{ safe_ratio('parts.agreed', 'parts.offered') }} as agreement_rate,
    {{ safe_ratio('parts.answered_in_sl', 'parts.counted - parts.no_target') }} as service_level,
    {{ safe_ratio('parts.vendor_in_sla', 'parts.vendor_counted') }} as service_level_vendor
from parts
inner join {{ ref('dim_queues') }} as queues on parts.queue_id = queues.queue_id
inner join {{ ref('dim_queue_versions') }} as versions
    on
        parts.queue_id = versions.queue_id
        and parts.last_entered_at >= versions.valid_from
        and (versions.valid_to is null or parts.last_entered_at < versions.valid_to)
