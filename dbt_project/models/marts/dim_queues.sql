{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    on_schema_change='sync_all_columns',
    meta={'reach': 'every_day', 'compared': ['queue_id', 'queue_name', 'reporting_timezone']}
) }}

{{ after_day_records() }}
-- Every queue that a call entered, with its newest name and its zone.
select
    queues.queue_id,
    queues.queue_name,
    coalesce(queue_timezones.reporting_timezone, '{{ var("reporting_timezone") }}') as reporting_timezone,
    queues.first_entered_at,
    queues.last_entered_at
from {{ ref('dim_queue_versions') }} as queues
left join {{ ref('queue_timezones') }} as queue_timezones on queues.queue_id = queue_timezones.queue_id
where queues.is_current
