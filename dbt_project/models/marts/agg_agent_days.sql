{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    on_schema_change='append_new_columns',
    indexes=lookup_indexes(['local_date']),
    partition_by=day_partitions('local_date'),
    cluster_by=['agent_id'],
    meta={'days': 'local_date', 'dated_by': 'local_date'}
) }}

-- The parts of every handle-time metric, by agent, direction and local date of the segment's start.
select
    agent_id,
    direction,
    local_date,
    {{ handle_parts() }}
from {{ ref('fct_handled_segments') }}
where {{ is_day_to_compute('local_date') }}
group by agent_id, direction, local_date
