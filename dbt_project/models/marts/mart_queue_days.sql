{{ replaced_by_day('local_date', cluster_by=['queue_id'], before=1) }}

with

zones as (

    select
        queue_id,
        queue_name,
        reporting_timezone
    from {{ ref('dim_queues') }}

),

-- Base intervals: every zone's midnight falls between two of them.
base as (

    select
        intervals.*,
        cast({{ to_local('intervals.interval_start_at', 'zones.reporting_timezone') }} as date) as local_date
    from {{ ref('agg_queue_intervals') }} as intervals
    inner join zones on intervals.queue_id = zones.queue_id
    -- One more day on either side: a reported interval may begin on one date and end on the next; it counts for the
    -- first.
    where {{ is_day_to_compute('intervals.interval_start_at', before=3, after=2) }}

),

parts as (

    select
        queue_id,
        local_date,
        {% for part in queue_parts() -%}
            {{ sum_of(part) }} as {{ part }},
        {% endfor -%}
        {% for part in queue_maxima() -%}
            max({{ part }}) as {{ part }},
        {% endfor -%}
        max(target_percent) as target_percent
    from base
    where {{ is_day_to_compute('local_date', before=1) }}
    group by queue_id, local_date

),

-- An interval meets its target or not for the queue as a whole, not by language or call type.
intervals as (

    select
        queue_id,
        min(local_date) as local_date,
        sum(offered_with_target) as offered_with_target,
        sum(service_level_numerator) as service_level_numerator,
        sum(service_level_denominator) as service_level_denominator,
        max(target_percent) as target_percent
    from base
    group by queue_id, {{ interval_start('interval_start_at', var('report_interval_minutes')) }}

),

judged as (

    select
        queue_id,
        local_date,
        {{ is_target_met() }} as is_target_met
    from intervals

),

compliance as (

    select
        queue_id,
        local_date,
        {{ count_where('is_target_met is not null') }} as intervals_judged,
        {{ count_where('is_target_met') }} as intervals_on_target
    from judged
    group by queue_id, local_date

)

select
    parts.queue_id,
    zones.queue_name,
    parts.local_date,
    {% for part in queue_parts() + queue_maxima() -%}
        parts.{{ part }},
    {% endfor -%}
    {{ service_level_ratios() }},
    parts.target_percent,
    {{ abandonment_ratios() }},
    coalesce(compliance.intervals_judged, 0) as intervals_judged,
    coalesce(compliance.intervals_on_target, 0) as intervals_on_target,
    {{ safe_ratio('compliance.intervals_on_target', 'compliance.intervals_judged') }} as interval_sl_compliance,
    {{ is_settled('parts.in_progress', start_of_date(next_date('parts.local_date'), 'zones.reporting_timezone')) }}
    and {{ add_seconds(
        start_of_date(next_date('parts.local_date'), 'zones.reporting_timezone'), 'lateness.lateness_seconds'
    ) }} <= lateness.as_of_at as is_final
from parts
inner join zones on parts.queue_id = zones.queue_id
left join compliance
    on
        parts.queue_id = compliance.queue_id
        and parts.local_date = compliance.local_date
cross join {{ ref('int_update_lateness') }} as lateness
