{{ replaced_by_day('interval_start_at', cluster_by=['queue_id']) }}

with

lengths as (

    select 15 as interval_minutes
    union all
    select 30 as interval_minutes
    union all
    select 60 as interval_minutes

),

placed as (

    select
        segments.*,
        lengths.interval_minutes,
        case lengths.interval_minutes
            when 15 then {{ interval_start('segments.started_at', 15) }}
            when 30 then {{ interval_start('segments.started_at', 30) }}
            else {{ interval_start('segments.started_at', 60) }}
        end as reported_start_at
    from {{ ref('fct_handled_segments') }} as segments
    cross join lengths
    where {{ is_day_to_compute('segments.started_at', partition='segments.local_date') }}

),

parts as (

    select
        interval_minutes,
        reported_start_at as interval_start_at,
        -- Work without a queue, mostly outbound calls.
        coalesce(queue_id, -1) as queue_id,
        direction,
        {{ handle_parts() }},
        {{ count_where('not is_call_ended') }} as open_segments
    from placed
    group by 1, 2, 3, 4

),

local as (

    select
        parts.*,
        {{ shown_name('queues.queue_name', 'parts.queue_id', 'no queue') }} as queue_name,
        {{ to_local(
            'parts.interval_start_at', "coalesce(queue_timezones.reporting_timezone, '" ~ var('reporting_timezone') ~ "')"
        ) }} as interval_start_local
    from parts
    -- Work may be for a queue in which nobody waited; it has a zone too.
    left join {{ ref('dim_queues') }} as queues on parts.queue_id = queues.queue_id
    left join {{ ref('queue_timezones') }} as queue_timezones on parts.queue_id = queue_timezones.queue_id

)

select
    local.interval_minutes,
    local.interval_start_at,
    local.interval_start_local,
    cast(local.interval_start_local as date) as local_date,
    local.queue_id,
    local.queue_name,
    local.direction,
    local.handled_segments,
    local.handled_calls,
    local.held_segments,
    local.short_calls,
    local.transfers_out,
    local.cold_transfers_out,
    local.warm_transfers_out,
    local.transferred_calls,
    {% for part in handle_seconds_parts() -%}
        local.{{ part }},
    {% endfor -%}
    {{ handle_ratios() }},
    {{ is_settled(
        'local.open_segments', add_seconds('local.interval_start_at', 'local.interval_minutes * 60')
    ) }}
    and {{ add_seconds(
        'local.interval_start_at', 'local.interval_minutes * 60 + lateness.lateness_seconds'
    ) }} <= lateness.as_of_at as is_final
from local
cross join {{ ref('int_update_lateness') }} as lateness
