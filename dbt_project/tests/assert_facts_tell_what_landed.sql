-- Totals of the facts equal those of staging, and these equal those of the raw tables. This finds calls, segments and
-- seconds that are lost on the way or left behind by an incremental build. It does not check outcomes. Rows that the
-- vendor sent twice count once; here they are recognised by their later copies.

with

queue_rows_staged as (

    {{ without_copies(
        ref('stg_ccaip__queue_durations'), 'queue_duration_id', ['menu_path_id', 'transfer_id', 'agent_id']
    ) }}

),

queue_rows_raw as (

    {{ without_copies(
        source('ccaip', 'queue_durations'), 'id', ['menu_path_id', 'transfer_id', 'agent_id']
    ) }}

),

handle_rows_staged as (

    {{ without_copies(
        ref('stg_ccaip__handle_durations'), 'handle_duration_id', ['agent_id', 'transfer_id'],
        'coalesce(copies.is_barged, false) = coalesce(rows_once.is_barged, false)'
        ~ ' and (coalesce(copies.call_seconds, 0) > 0) = (coalesce(rows_once.call_seconds, 0) > 0)'
    ) }}

),

handle_rows_raw as (

    {{ without_copies(
        source('ccaip', 'handle_durations'), 'id', ['agent_id', 'transfer_id'],
        'coalesce(copies.barged, false) = coalesce(rows_once.barged, false)'
        ~ ' and (coalesce(copies.call_duration, 0) > 0) = (coalesce(rows_once.call_duration, 0) > 0)'
    ) }}

),

totals as (

    select
        'calls' as total,
        (select count(*) from {{ ref('fct_calls') }}) as in_fact,
        (select count(*) from {{ ref('stg_ccaip__calls') }}) as in_staging,
        (
            select count(*) from {{ source('ccaip', 'calls') }}
        ) as in_raw

    union all

    select
        'queue segments' as total,
        (select count(*) from {{ ref('fct_queue_segments') }}) as in_fact,
        (
            select count(*) from queue_rows_staged
            where menu_path_id is not null
        ) as in_staging,
        (
            select count(*) from queue_rows_raw
            where menu_path_id is not null
        ) as in_raw

    union all

    select
        'waited seconds' as total,
        (select sum(wait_seconds) from {{ ref('fct_queue_segments') }}) as in_fact,
        (
            select sum(coalesce(queue_seconds, {{ seconds_between('started_at', 'ended_at') }}))
            from queue_rows_staged
            where menu_path_id is not null
        ) as in_staging,
        (
            select sum(coalesce(queue_duration, {{ seconds_between('started_at', 'ended_at') }}))
            from queue_rows_raw
            where menu_path_id is not null
        ) as in_raw

    union all

    select
        'folded handle rows' as total,
        (select sum(folded_rows) from {{ ref('fct_handled_segments') }}) as in_fact,
        (select count(*) from handle_rows_staged) as in_staging,
        (
            select count(*) from handle_rows_raw
        ) as in_raw

    union all

    select
        'handle seconds' as total,
        (select sum(vendor_handle_seconds) from {{ ref('fct_handled_segments') }}) as in_fact,
        (
            select sum(coalesce(bcw_seconds, 0) + coalesce(call_seconds, 0) + coalesce(acw_seconds, 0))
            from handle_rows_staged
        ) as in_staging,
        (
            select sum(coalesce(bcw_duration, 0) + coalesce(call_duration, 0) + coalesce(acw_duration, 0))
            from handle_rows_raw
        ) as in_raw

    union all

    select
        'transfers' as total,
        (select count(*) from {{ ref('fct_transfers') }}) as in_fact,
        (select count(*) from {{ ref('stg_ccaip__transfers') }}) as in_staging,
        (
            select count(*) from {{ source('ccaip', 'transfers') }}
        ) as in_raw

)

select *
from totals
where
    coalesce(in_fact, 0) <> coalesce(in_staging, 0)
    or coalesce(in_staging, 0) <> coalesce(in_raw, 0)
