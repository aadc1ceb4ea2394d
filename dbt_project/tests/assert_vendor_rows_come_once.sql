-- Rows that the vendor sent twice. They count once and are listed here, because each is an error of the vendor.
{{ config(severity='warn') }}

with

handle_rows as (

    select * from {{ ref('stg_ccaip__handle_durations') }}
    where {{ is_of_touched_call() }}

),

queue_rows as (

    select * from {{ ref('stg_ccaip__queue_durations') }}
    where {{ is_of_touched_call() }}

),

participants as (

    select * from {{ ref('stg_ccaip__participants') }}
    where {{ is_of_touched_call() }}

),

handle_rows_once as (

    {{ without_copies('handle_rows', 'handle_duration_id', ['agent_id', 'transfer_id'], same_kind_of_work()) }}

),

queue_rows_once as (

    {{ without_copies('queue_rows', 'queue_duration_id', ['menu_path_id', 'transfer_id', 'agent_id']) }}

)

select
    'handle_durations' as vendor_array,
    call_id,
    idx
from handle_rows
where not exists (
        select 1 from handle_rows_once
        where handle_rows_once.call_id = handle_rows.call_id and handle_rows_once.idx = handle_rows.idx
    )

union all

select
    'queue_durations' as vendor_array,
    call_id,
    idx
from queue_rows
where not exists (
        select 1 from queue_rows_once
        where queue_rows_once.call_id = queue_rows.call_id and queue_rows_once.idx = queue_rows.idx
    )

union all

select
    'participants' as vendor_array,
    call_id,
    idx
from participants
where exists (
        select 1 from participants as copies
        where
            copies.call_id = participants.call_id
            and copies.idx > participants.idx
            and copies.participant_id = participants.participant_id
    )
