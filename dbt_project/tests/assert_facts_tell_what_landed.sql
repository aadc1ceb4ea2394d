-- Totals of the facts equal those of staging, and these equal those of the raw tables. This finds calls, segments and
-- seconds that are lost on the way or left behind by an incremental build. It does not check outcomes. Rows that the
-- vendor sent twice count once; here they are recognised by their later copies. A scheduled run counts all calls and
-- transfers, and the rest of the calls it touched.
with

queue_rows_staged as (

    {{ without_copies(
        rows_of_touched_calls(ref('stg_ccaip__queue_durations')),
        'queue_duration_id',
        ['menu_path_id', 'transfer_id', 'agent_id']
    ) }}

),

queue_rows_raw as (

    {{ without_copies(
        rows_of_touched_calls(source('ccaip', 'queue_durations')),
        'id',
        ['menu_path_id', 'transfer_id', 'agent_id']
    ) }}

),

handle_rows_staged as (

    {{ without_copies(
        rows_of_touched_calls(ref('stg_ccaip__handle_durations')),
        'handle_duration_id',
        ['agent_id', 'transfer_id'],
        same_kind_of_work()
    ) }}

),

handle_rows_raw as (

    {{ without_copies(
        rows_of_touched_calls(source('ccaip', 'handle_durations')),
        'id',
        ['agent_id', 'transfer_id'],
        same_kind_of_work('barged', 'call_duration')
    ) }}

),

queue_segments as (

    select * from {{ ref('fct_queue_segments') }}
    where {{ is_of_touched_call() }}

),

handled_segments as (

    select * from {{ ref('fct_handled_segments') }}
    where {{ is_of_touched_call() }}

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
        (select count(*) from queue_segments) as in_fact,
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
        (select sum(wait_seconds) from queue_segments) as in_fact,
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
        (select sum(folded_rows) from handled_segments) as in_fact,
        (select count(*) from handle_rows_staged) as in_staging,
        (
            select count(*) from handle_rows_raw
        ) as in_raw

    union all

    select
        'handle seconds' as total,
        (select sum(vendor_handle_seconds) from handled_segments) as in_fact,
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
