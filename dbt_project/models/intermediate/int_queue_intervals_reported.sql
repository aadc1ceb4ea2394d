-- The queue parts rolled up to the reported interval, with names, local time and finality.
with

parts as (

    select
        queue_id,
        language,
        call_type,
        {{ interval_start('interval_start_at', var('report_interval_minutes')) }} as interval_start_at,
        {% for part in queue_parts() -%}
            {{ sum_of(part) }} as {{ part }},
        {% endfor -%}
        {% for part in queue_maxima() -%}
            max({{ part }}) as {{ part }},
        {% endfor -%}
        max(target_percent) as target_percent
    from {{ ref('agg_queue_intervals') }}
    group by 1, 2, 3, 4

),

local as (

    select
        parts.*,
        queues.queue_name,
        {{ to_local('parts.interval_start_at', 'queues.reporting_timezone') }} as interval_start_local
    from parts
    inner join {{ ref('dim_queues') }} as queues on parts.queue_id = queues.queue_id

)

select
    local.*,
    cast(local.interval_start_local as date) as local_date,
    cast(
        (extract(epoch from local.interval_start_local) - extract(epoch from local.interval_start_at)) / 60 as bigint
    ) as utc_offset_minutes,
    local.in_progress = 0
    and {{ add_seconds(
        'local.interval_start_at',
        'lateness.lateness_seconds + ' ~ var('report_interval_minutes') * 60
    ) }} <= lateness.as_of_at as is_final
from local
cross join {{ ref('int_update_lateness') }} as lateness
