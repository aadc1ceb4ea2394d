{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    on_schema_change='append_new_columns',
    indexes=lookup_indexes(['local_date']),
    partition_by=day_partitions('local_date'),
    cluster_by=['from_queue_id'],
    meta={'days': 'local_date', 'dated_by': 'local_date'}
) }}

with

parts as (

    select
        local_date,
        kind,
        coalesce(from_queue_id, -1) as from_queue_id,
        coalesce(to_queue_id, -1) as to_queue_id,
        coalesce(from_agent_id, -1) as from_agent_id,
        coalesce(to_agent_id, -1) as to_agent_id,
        count(*) as attempts,
        {{ count_where("outcome = 'completed'") }} as completed,
        {{ count_where("outcome = 'failed'") }} as failed,
        {{ count_where("outcome = 'abandoned'") }} as abandoned,
        {{ count_where("outcome = 'flowed_out'") }} as flowed_out,
        {{ count_where("outcome = 'in_progress'") }} as in_progress,
        {{ count_where("to_virtual_agent_id is not null") }} as attempts_to_virtual_agent,
        {{ sum_of('wait_seconds') }} as wait_seconds,
        {{ sum_where('wait_seconds', "outcome = 'completed'") }} as completed_wait_seconds
    from {{ ref('fct_transfers') }}
    where {{ is_day_to_compute('local_date') }}
    group by 1, 2, 3, 4, 5, 6

)

select
    *,
    {{ safe_ratio('completed', 'attempts - in_progress') }} as transfer_completion_rate,
    {{ safe_ratio('failed', 'attempts - in_progress') }} as transfer_failure_rate,
    {{ safe_ratio('completed_wait_seconds', 'completed') }} as average_transfer_wait_time
from parts
