-- What was published: each queue segment as it counted when its interval became final, and again whenever it counted
-- differently later. Rows are only appended, because no other table keeps them.
{{ config(
    materialized='incremental',
    incremental_strategy='append_changes',
    full_refresh=false,
    on_schema_change='append_new_columns',
    indexes=lookup_indexes(['queue_segment_id', 'call_id', 'interval_start_at', 'build_number']),
    meta={'days': 'date_utc', 'dated_by': 'interval_start_at', 'versions_of': 'call_id'},
    post_hook="{{ unlink_removed_calls() }}"
) }}

{{ after_day_records() }}
{%- set counting = [
    'queue_id', 'language', 'call_type', 'interval_start_at', 'outcome', 'wait_seconds', 'is_answered_in_sl',
    'is_short_abandon', 'is_abandoned_in_sl', 'is_abandoned_after_target', 'is_vendor_in_sla',
    'is_vendor_not_in_sla',
] -%}
{%- set touched_calls -%}
    select call_id
    from {{ ref('fct_queue_segments') }}
    where {{ is_day_to_compute('interval_start_at', partition='local_date') }}
    union distinct
    select call_id
    from {{ this }}
    where call_id is not null and {{ is_day_to_compute('interval_start_at') }}
{%- endset -%}
{%- set explaining = ['target_seconds', 'abandon_threshold_seconds', 'service_level_event', 'load_id'] %}

with

horizon as (

    select {{ add_seconds('as_of_at', '-1 * lateness_seconds') }} as final_until
    from {{ ref('int_update_lateness') }}

),

builds as (

    {% if is_increment() -%}
        -- The rows of the newest build know all the builds before it.
        select
            coalesce(max(build_number), 0) as last_build_number,
            {{ greater_of('max(final_until)', 'max(published_until)') }} as published_until
        from {{ this }}
        where build_number = (select max(newest.build_number) from {{ this }} as newest)
    {%- else -%}
        select
            0 as last_build_number,
            case when false then final_until end as published_until
        from horizon
    {%- endif %}

),

-- The segments of calls with an entry, now or as published, on a day to compute. The others have not changed.
facts as (

    select facts.*
    from {{ ref('fct_queue_segments') }} as facts
    {% if is_increment() -%}
        where facts.call_id in ({{ touched_calls }})
    {%- endif %}

),

known as (

    {% if is_increment() -%}
        select
            versions.*,
            row_number() over (
                partition by versions.queue_segment_id
                order by versions.build_number desc
            ) as newest_order
        from {{ this }} as versions
        where versions.call_id in ({{ touched_calls }})
    {%- else -%}
        select
            facts.*,
            false as is_removed,
            1 as newest_order
        from facts
        where false
    {%- endif %}

),

changed as (

    select
        facts.queue_segment_id,
        facts.call_id,
        {% for field in counting + explaining -%}
            facts.{{ field }},
        {% endfor -%}
        false as is_removed
    from facts
    cross join horizon
    cross join builds
    left join known on facts.queue_segment_id = known.queue_segment_id and known.newest_order = 1
    where
        case
            when known.queue_segment_id is null
                then
                    {{ add_seconds('facts.interval_start_at', var('base_interval_minutes') * 60) }}
                    <= {{ greater_of('horizon.final_until', 'builds.published_until') }}
            else
                known.is_removed
                {% for field in counting -%}
                    or facts.{{ field }} is distinct from known.{{ field }}
                {% endfor %}
        end

    union all

    -- Gone: a version that counts nowhere.
    select
        known.queue_segment_id,
        known.call_id,
        {% for field in counting + explaining -%}
            known.{{ field }},
        {% endfor -%}
        true as is_removed
    from known
    left join facts on known.queue_segment_id = facts.queue_segment_id
    where known.newest_order = 1 and not known.is_removed and facts.queue_segment_id is null

)

select
    changed.*,
    {{ as_bigint('builds.last_build_number + 1') }} as build_number,
    {{ build_started_at() }} as built_at,
    horizon.final_until,
    builds.published_until
from changed
cross join builds
cross join horizon
