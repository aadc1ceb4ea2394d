-- The queue each call came for: the first it entered; if it entered none, that of its first virtual agent,
-- else the one chosen in the menus.
with

sightings as (

    select
        call_id,
        queue_id,
        1 as evidence_order,
        entered_queue_at as seen_at,
        idx
    from {{ ref('int_queue_segments_entered') }}

    union all

    select
        call_id,
        menu_path_id as queue_id,
        2 as evidence_order,
        started_at as seen_at,
        idx
    from {{ ref('stg_ccaip__virtual_agent_handle_durations') }}

    union all

    select
        call_id,
        menu_path_id as queue_id,
        3 as evidence_order,
        ended_at as seen_at,
        idx
    from {{ ref('stg_ccaip__consumer_in_menu_durations') }}

),

ordered as (

    select
        *,
        row_number() over (
            partition by call_id order by evidence_order asc, seen_at asc nulls last, idx asc
        ) as telling_order
    from sightings
    where
        queue_id is not null
        and call_id in (select calls.call_id from {{ ref('int_calls_classified') }} as calls)

)

select
    call_id,
    queue_id as entry_queue_id
from ordered
where telling_order = 1
