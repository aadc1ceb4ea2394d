-- The queue of each name, for calls without queue rows that have a menu path.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    on_schema_change='sync_all_columns',
    meta={'reach': 'every_day', 'compared': ['queue_name', 'queue_id']}
) }}

{{ after_day_records() }}
select
    queue_name,
    max(queue_id) as queue_id
from {{ ref('int_queue_names_by_day') }}
where queue_name is not null
group by queue_name
