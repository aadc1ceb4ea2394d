-- Every name of a queue, and when it was used.
with

entries as (

    select
        queue_id,
        queue_name,
        entered_queue_at,
        row_number() over (
            partition by queue_id, entered_queue_at
            order by case when queue_name is null then 1 else 0 end asc, call_id desc, idx desc
        ) as telling_order
    from {{ ref('fct_queue_segments') }}

),

-- One name per moment; rows without a name are ignored.
compared as (

    select
        *,
        lag(queue_name) over (partition by queue_id order by entered_queue_at) as name_before
    from entries
    where telling_order = 1 and queue_name is not null

),

numbered as (

    select
        *,
        sum(case when queue_name = name_before then 0 else 1 end) over (
            partition by queue_id
            order by entered_queue_at
            rows between unbounded preceding and current row
        ) as version_number
    from compared

),

versions as (

    select
        queue_id,
        {{ as_bigint('version_number') }} as version_number,
        max(queue_name) as queue_name,
        min(entered_queue_at) as first_shown_at
    from numbered
    group by queue_id, version_number

),

queues as (

    select
        queue_id,
        min(entered_queue_at) as first_entered_at,
        max(entered_queue_at) as last_entered_at
    from entries
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
