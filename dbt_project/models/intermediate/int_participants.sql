-- Participants of calls, with a flag for rows that the vendor sent twice. No mart uses it: handle times and queue rows
-- have all that the marts count. Queries on participants should leave out rows with is_duplicate.
select
    call_id,
    idx,
    participant_id,
    type,
    status,
    user_id,
    end_user_id,
    virtual_agent_id,
    call_seconds,
    hold_seconds,
    connected_at,
    ended_at,
    {{ is_copied(['call_id', 'participant_id'], known=['participant_id']) }} as has_duplicates,
    {{ is_copied_later(['call_id', 'participant_id'], known=['participant_id']) }} as is_duplicate
from {{ ref('stg_ccaip__participants') }}
