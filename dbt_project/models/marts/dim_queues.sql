-- Every queue a call entered, under the newest name seen.
with

ordered as (

    select
        queue_id,
        queue_name,
        entered_queue_at,
        row_number() over (
            partition by queue_id
            order by
                case when queue_name is null then 1 else 0 end,
                entered_queue_at desc,
                call_id desc,
                idx desc
        ) as newest_order
    from {{ ref('fct_queue_segments') }}

),

queues as (

    select
        queue_id,
        max(case when newest_order = 1 then queue_name end) as queue_name,
        min(entered_queue_at) as first_entered_at,
        max(entered_queue_at) as last_entered_at
    from ordered
    group by queue_id

)

select
    queues.queue_id,
    -- A queue nobody named is shown by its number.
    coalesce(queues.queue_name, cast(queues.queue_id as varchar)) as queue_name,
    coalesce(queue_timezones.reporting_timezone, '{{ var("reporting_timezone") }}') as reporting_timezone,
    queues.first_entered_at,
    queues.last_entered_at
from queues
left join {{ ref('queue_timezones') }} as queue_timezones on queues.queue_id = queue_timezones.queue_id
