{{ config(
    materialized='incremental',
    incremental_strategy='replace_calls',
    on_schema_change='sync_all_columns',
    indexes=lookup_indexes(['call_id', 'started_at']),
    partition_by=day_partitions('local_date'),
    cluster_by=['agent_id'],
    meta={'dated_by': 'started_at'}
) }}

-- When each row of work kept its agent busy: by row, not by segment, because the hours between talk and a late wrap-up
-- are free. Supervisors who listen in and rows without an agent are not included. A row lasts a day at most: one that
-- ends in 2030 would fill a hundred thousand intervals.
with

work as (

    select
        handle_rows.call_id,
        handle_rows.leg_id,
        handle_rows.idx,
        handle_rows.agent_id,
        handle_rows.call_seconds + handle_rows.acw_seconds as handle_seconds,
        calls.direction,
        coalesce(handle_rows.started_at, calls.created_at) as started_at,
        handle_rows.ended_at
    from {{ ref('int_handle_rows') }} as handle_rows
    inner join {{ ref('int_calls_classified') }} as calls on handle_rows.call_id = calls.call_id
    where
        not handle_rows.is_duplicate
        and not handle_rows.is_barged
        and handle_rows.agent_id <> -1

)

select
    call_id,
    leg_id,
    idx,
    agent_id,
    direction,
    started_at,
    {{ lesser_of(
        'coalesce(ended_at, ' ~ add_seconds('started_at', 'handle_seconds') ~ ')',
        add_seconds('started_at', '86400')
    ) }} as ended_at,
    cast({{ to_local('started_at', "'" ~ var('reporting_timezone') ~ "'") }} as date) as local_date
from work
{{ where_call_changed('call_id') }}
