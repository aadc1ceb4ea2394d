{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    on_schema_change='sync_all_columns',
    meta={
        'reach': 'every_day',
        'compared': ['queue_id', 'queue_name', 'case when version_number > 1 then valid_from end'],
    }
) }}

{{ after_day_records() }}
-- Every name of a queue, and when it was used.
with

days as (

    select * from {{ ref('int_queue_names_by_day') }}

),

-- Rows without a name tell none.
telling as (

    select * from days
    where is_telling

),

numbered as (

    {{ numbered_runs('telling', 'queue_name', 'queue_id', 'first_entered_at') }}

),

versions as (

    select
        queue_id,
        {{ as_bigint('run_number') }} as version_number,
        max(queue_name) as queue_name,
        min(first_entered_at) as first_shown_at
    from numbered
    group by queue_id, run_number

),

queues as (

    select
        queue_id,
        min(first_entered_at) as first_entered_at,
        max(last_entered_at) as last_entered_at
    from days
    group by queue_id

)

select
    queues.queue_id,
    coalesce(versions.version_number, 1) as version_number,
    -- A queue without a name is shown by its number.
    coalesce(versions.queue_name, {{ as_text('queues.queue_id') }}) as queue_name,
    -- The first name also applies to the time before it.
    case
        when coalesce(versions.version_number, 1) = 1 then queues.first_entered_at else versions.first_shown_at
    end as valid_from,
    lead(versions.first_shown_at) over (partition by queues.queue_id order by versions.version_number) as valid_to,
    lead(versions.first_shown_at) over (
        partition by queues.queue_id
        order by versions.version_number
    ) is null as is_current,
    queues.first_entered_at,
    queues.last_entered_at
from queues
left join versions on queues.queue_id = versions.queue_id
