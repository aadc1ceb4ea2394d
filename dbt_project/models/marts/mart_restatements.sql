{{ replaced_by_day('interval_start_at', partition_by='interval_start_at') }}

-- Published numbers that changed, and why. Derived from the versions of the segments, so it can be rebuilt.
{%- set parts = [
    'offered', 'answered', 'answered_in_sl', 'abandoned', 'short_abandoned', 'abandoned_in_sl',
    'abandoned_after_target', 'flowed_out', 'failed', 'vendor_in_sla', 'vendor_not_in_sla',
    'wait_seconds', 'answered_wait_seconds', 'abandoned_wait_seconds', 'in_progress',
] -%}
{%- set ratios = {
    'service_level': safe_ratio('answered_in_sl', 'counted_with_target'),
    'abandonment_rate': safe_ratio('abandoned - short_abandoned', 'offered - short_abandoned'),
    'average_speed_of_answer': safe_ratio('answered_wait_seconds', 'answered'),
} -%}
{%- set told = [
    'queue_id', 'language', 'call_type', 'outcome', 'wait_seconds', 'target_seconds', 'abandon_threshold_seconds',
    'service_level_event',
] %}

with

-- All versions of the segments with one on a day to compute.
known as (

    {% if is_increment() -%}
        select published.*
        from {{ ref('published_queue_segments') }} as published
        where
            published.call_id in (
                select touched.call_id
                from {{ ref('published_queue_segments') }} as touched
                where touched.call_id is not null and {{ is_day_to_compute('touched.interval_start_at') }}
            )

        union all

        -- Those of removed calls.
        select published.*
        from {{ ref('published_queue_segments') }} as published
        where
            published.call_id is null
            and published.queue_segment_id in (
                select touched.queue_segment_id
                from {{ ref('published_queue_segments') }} as touched
                where touched.call_id is null and {{ is_day_to_compute('touched.interval_start_at') }}
            )
    {%- else -%}
        select *
        from {{ ref('published_queue_segments') }}
    {%- endif %}

),

versions as (

    select
        *,
        {% for field in ['build_number', 'built_at', 'published_until'] -%}
            lead({{ field }}) over (partition by queue_segment_id order by build_number) as {{ field }}_of_next,
        {% endfor -%}
        {{ interval_start('interval_start_at', var('report_interval_minutes')) }} as reported_start_at
    from known

),

-- Each version counts from its build until the build that replaced it.
steps as (

    select
        *,
        build_number as step_build,
        built_at as step_built_at,
        published_until as step_published_until,
        1 as step
    from versions
    where not is_removed

    union all

    select
        *,
        build_number_of_next as step_build,
        built_at_of_next as step_built_at,
        published_until_of_next as step_published_until,
        -1 as step
    from versions
    where not is_removed and build_number_of_next is not null

),

-- Only cells that were published and changed afterwards can be restated; there are few of them.
late_cells as (

    select distinct
        queue_id,
        language,
        call_type,
        reported_start_at
    from steps
    where
        {{ add_seconds('reported_start_at', var('report_interval_minutes') * 60) }} <= step_published_until
        and {{ is_day_to_compute('reported_start_at') }}

),

late_steps as (

    select steps.*
    from steps
    inner join late_cells
        on
            steps.queue_id = late_cells.queue_id
            and steps.language = late_cells.language
            and steps.call_type = late_cells.call_type
            and steps.reported_start_at = late_cells.reported_start_at

),

cells as (

    select
        queue_id,
        language,
        call_type,
        reported_start_at as interval_start_at,
        step_build,
        max(step_built_at) as step_built_at,
        max(step_published_until) as step_published_until,
        {{ sum_where('step', "outcome <> 'in_progress'") }} as offered,
        {{ sum_where('step', "outcome = 'answered'") }} as answered,
        {{ sum_where('step', 'is_answered_in_sl') }} as answered_in_sl,
        {{ sum_where('step', "outcome = 'abandoned'") }} as abandoned,
        {{ sum_where('step', 'is_short_abandon') }} as short_abandoned,
        {{ sum_where('step', 'is_abandoned_in_sl') }} as abandoned_in_sl,
        {{ sum_where('step', 'is_abandoned_after_target') }} as abandoned_after_target,
        {{ sum_where('step', "outcome = 'flowed_out'") }} as flowed_out,
        {{ sum_where('step', "outcome = 'failed'") }} as failed,
        {{ sum_where('step', 'is_vendor_in_sla') }} as vendor_in_sla,
        {{ sum_where('step', 'is_vendor_not_in_sla') }} as vendor_not_in_sla,
        {{ sum_where('wait_seconds * step', "outcome <> 'in_progress'") }} as wait_seconds,
        {{ sum_where('wait_seconds * step', "outcome = 'answered'") }} as answered_wait_seconds,
        {{ sum_where('wait_seconds * step', "outcome = 'abandoned'") }} as abandoned_wait_seconds,
        {{ sum_where('step', "outcome = 'in_progress'") }} as in_progress,
        {{ sum_where(
            'step',
            "target_seconds is not null"
            ~ " and (outcome = 'answered' or (outcome = 'abandoned' and not is_short_abandon))"
        ) }} as counted_with_target
    from late_steps
    group by 1, 2, 3, 4, 5

),

running as (

    select
        queue_id,
        language,
        call_type,
        interval_start_at,
        {% for part in parts + ['counted_with_target'] -%}
            {{ part }} as {{ part }}_moved,
            sum({{ part }}) over so_far as {{ part }},
        {% endfor -%}
        step_build,
        step_built_at,
        step_published_until
    from cells
    window
        so_far as (
            partition by queue_id, language, call_type, interval_start_at
            order by step_build
            rows between unbounded preceding and current row
        )

),

-- The parts of each cell before and after each build that changed it.
states as (

    {% for side in ['before', 'after'] -%}
        select
            queue_id,
            language,
            call_type,
            interval_start_at,
            step_build,
            step_built_at,
            step_published_until,
            {% for part in parts + ['counted_with_target'] -%}
                {{ part }}{{ ' - ' ~ part ~ '_moved' if side == 'before' }} as {{ part }},
            {% endfor -%}
            '{{ side }}' as side
        from running
        {% if not loop.last -%}
            union all
        {% endif -%}
    {% endfor %}
),

-- Published means final at an earlier build, with nothing in progress.
published as (

    select
        queue_id,
        language,
        call_type,
        interval_start_at,
        step_build,
        step_built_at as restated_at
    from states
    where
        side = 'before'
        and (
            in_progress = 0
            or {{ add_seconds(
                'interval_start_at',
                var('report_interval_minutes') * 60 + var('unfinished_call_hours') * 3600
            ) }} <= step_published_until
        )
        and {{ add_seconds('interval_start_at', var('report_interval_minutes') * 60) }} <= step_published_until

),

metrics as (

    {% for metric in parts + ratios.keys() | list -%}
        select
            published.*,
            states.side,
            '{{ metric }}' as metric,
            {{ as_double(ratios.get(metric, metric)) }} as metric_value
        from published
        inner join states
            on
                published.queue_id = states.queue_id
                and published.language = states.language
                and published.call_type = states.call_type
                and published.interval_start_at = states.interval_start_at
                and published.step_build = states.step_build
        {% if not loop.last -%}
            union all
        {% endif -%}
    {% endfor %}
),

moved as (

    select
        queue_id,
        language,
        call_type,
        interval_start_at,
        step_build,
        restated_at,
        metric,
        max(case when side = 'before' then metric_value end) as value_before,
        max(case when side = 'after' then metric_value end) as value_after
    from metrics
    group by 1, 2, 3, 4, 5, 6, 7

),

compared as (

    select
        *,
        {% for field in told + ['interval_start_at', 'load_id', 'is_removed'] -%}
            lag({{ field }}) over (partition by queue_segment_id order by build_number) as {{ field }}_before,
        {% endfor -%}
        lag(build_number) over (partition by queue_segment_id order by build_number) as build_before
    from versions
    where queue_segment_id in (select late_steps.queue_segment_id from late_steps)

),

reasons as (

    select
        queue_segment_id,
        build_number,
        case
            when is_removed then 'segment removed'
            when build_before is null or is_removed_before then 'segment added'
            else
                substring(
                    {% for field in told -%}
                        case when {{ field }} is distinct from {{ field }}_before then ', {{ field }}' else '' end
                        ||
                    {% endfor -%}
                    case when interval_start_at <> interval_start_at_before then ', entered_queue_at' else '' end,
                    3
                )
        end as changed_fields,
        coalesce(not is_removed and not is_removed_before and load_id = load_id_before, false) as is_by_rules
    from compared

),

causes as (

    select
        steps.queue_id,
        steps.language,
        steps.call_type,
        steps.reported_start_at as interval_start_at,
        steps.step_build,
        -- a removed call has no id any more: each of its segments counts as one
        count(distinct coalesce({{ as_text('steps.call_id') }}, steps.queue_segment_id)) as calls,
        coalesce(
            string_agg(distinct {{ as_text('steps.call_id') }}, ', ' order by {{ as_text('steps.call_id') }}), ''
        ) as call_ids,
        string_agg(distinct reasons.changed_fields, '; ' order by reasons.changed_fields) as changed_fields,
        case
            when {{ count_where('reasons.is_by_rules') }} = 0 then 'data'
            when {{ count_where('not reasons.is_by_rules') }} = 0 then 'rules'
            else 'data and rules'
        end as cause
    from late_steps as steps
    inner join reasons
        on
            steps.queue_segment_id = reasons.queue_segment_id
            and steps.step_build = reasons.build_number
    group by 1, 2, 3, 4, 5

)

select
    moved.restated_at,
    moved.step_build as build_number,
    moved.interval_start_at,
    {{ to_local(
        'moved.interval_start_at', "coalesce(zones.reporting_timezone, '" ~ var('reporting_timezone') ~ "')"
    ) }} as interval_start_local,
    moved.queue_id,
    {{ shown_name('queues.queue_name', 'moved.queue_id', 'unknown') }} as queue_name,
    moved.language,
    moved.call_type,
    moved.metric,
    moved.value_before,
    moved.value_after,
    causes.cause,
    causes.calls,
    causes.call_ids,
    causes.changed_fields
from moved
inner join causes
    on
        moved.queue_id = causes.queue_id
        and moved.language = causes.language
        and moved.call_type = causes.call_type
        and moved.interval_start_at = causes.interval_start_at
        and moved.step_build = causes.step_build
left join {{ ref('dim_queues') }} as queues on moved.queue_id = queues.queue_id
left join {{ ref('queue_timezones') }} as zones on moved.queue_id = zones.queue_id
where moved.value_before is distinct from moved.value_after
