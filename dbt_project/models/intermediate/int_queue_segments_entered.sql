{{ config(
    materialized='table',
    indexes=lookup_indexes(['call_id']),
    meta={'work_set': true}
) }}

-- One row per entry into a queue: when, how long, and the targets valid then: the row's own, else the queue's in the
-- seed, else those of every queue. For a what-if analysis the row's own come last.
{%- set told_by = ['queue_rows.service_level_', 'own_targets.', 'common_targets.'] -%}
{%- set told_by = told_by[1:] + told_by[:1] if var('service_level_what_if') else told_by %}
with

queue_rows as (

    select
        queue_rows.call_id,
        queue_rows.idx,
        queue_rows.queue_duration_id,
        queue_rows.agent_id,
        queue_rows.menu_path_id as queue_id,
        queue_rows.menu_path as queue_name,
        coalesce(queue_rows.lang, calls.language) as language,
        queue_rows.transfer_id,
        coalesce(queue_rows.transfer_id, 0) as leg_id,
        -- Never null: a segment without a time would fall out of every interval.
        coalesce(queue_rows.started_at, calls.queued_at, calls.created_at, calls.updated_at) as entered_queue_at,
        queue_rows.ended_at as left_queue_at,
        coalesce(
            queue_rows.queue_seconds,
            {{ seconds_between('queue_rows.started_at', 'queue_rows.ended_at') }}
        ) as wait_seconds,
        queue_rows.service_level_target_seconds,
        queue_rows.service_level_target_percent,
        queue_rows.service_level_abandon_threshold_seconds,
        queue_rows.service_level_event,
        queue_rows.event,
        queue_rows.has_duplicates
    from {{ ref('int_queue_rows') }} as queue_rows
    inner join {{ ref('int_calls_classified') }} as calls on queue_rows.call_id = calls.call_id
    -- Rows without a menu path (outbound) are no queue segments.
    where
        queue_rows.menu_path_id is not null
        and not queue_rows.is_duplicate

),

targets as (

    select
        *,
        lead(valid_from) over (partition by queue_id order by valid_from nulls first) as valid_until
    from {{ ref('service_level_targets') }}

)

select
    queue_rows.call_id,
    queue_rows.idx,
    queue_rows.queue_duration_id,
    queue_rows.agent_id,
    queue_rows.queue_id,
    queue_rows.queue_name,
    queue_rows.language,
    queue_rows.transfer_id,
    queue_rows.leg_id,
    queue_rows.entered_queue_at,
    queue_rows.left_queue_at,
    queue_rows.wait_seconds,
    {% for value in ['target_seconds', 'target_percent', 'abandon_threshold_seconds'] -%}
        coalesce({{ told_by[0] ~ value }}, {{ told_by[1] ~ value }}, {{ told_by[2] ~ value }}) as {{ value }},
    {% endfor -%}
    queue_rows.service_level_event,
    queue_rows.event,
    queue_rows.has_duplicates as has_duplicate_rows,
    -- Not answered, and the same leg waited again later: it was sent to a queue again.
    queue_rows.agent_id is null
    and lead(queue_rows.idx) over (
        partition by queue_rows.call_id, queue_rows.leg_id
        order by queue_rows.entered_queue_at, queue_rows.idx
    ) is not null as was_requeued
from queue_rows
left join targets as own_targets
    on
        queue_rows.queue_id = own_targets.queue_id
        and {{ in_force('own_targets', 'queue_rows.entered_queue_at') }}
left join targets as common_targets
    on
        -- as an equality, which BigQuery's outer joins need besides the times
        (queue_rows.queue_id is not null) = (common_targets.queue_id is null)
        and {{ in_force('common_targets', 'queue_rows.entered_queue_at') }}
