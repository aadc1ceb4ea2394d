-- Rows that the vendor sent twice. They count once and are listed here, because each is an error of the vendor.
{{ config(severity='warn') }}

select
    'handle_durations' as vendor_array,
    call_id,
    idx
from {{ ref('int_handle_rows') }}
where is_duplicate

union all

select
    'queue_durations' as vendor_array,
    call_id,
    idx
from {{ ref('int_queue_rows') }}
where is_duplicate

union all

select
    'participants' as vendor_array,
    call_id,
    idx
from {{ ref('int_participants') }}
where is_duplicate
