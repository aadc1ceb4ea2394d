-- Rows that the vendor sent twice, of the calls that this build computed. They count once and are listed here, because
-- each is an error of the vendor.
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
    participants.call_id,
    participants.idx
from {{ ref('stg_ccaip__participants') }} as participants
inner join {{ ref('int_calls_classified') }} as calls on participants.call_id = calls.call_id
inner join {{ ref('stg_ccaip__participants') }} as copies
    on
        participants.call_id = copies.call_id
        and participants.participant_id = copies.participant_id
where copies.idx > participants.idx
group by participants.call_id, participants.idx
