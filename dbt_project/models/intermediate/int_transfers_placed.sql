-- The queues that each attempt to transfer left and went to, from the work and the waits around it: its own menu ids
-- are not queue ids.
with

transfers as (

    select
        call_id,
        idx,
        transfer_id,
        from_agent_id,
        created_at
    from {{ ref('int_transfers_classified') }}

),

sightings as (

    select
        call_id,
        leg_id,
        queue_id,
        agent_id,
        started_at as seen_at,
        1 as evidence_order
    from {{ ref('int_handled_segments_folded') }}
    where is_handled

    union all

    select
        call_id,
        leg_id,
        queue_id,
        null as agent_id,
        entered_queue_at as seen_at,
        2 as evidence_order
    from {{ ref('int_queue_segments_entered') }}

    union all

    select
        call_id,
        coalesce(transfer_id, 0) as leg_id,
        queue_id,
        null as agent_id,
        started_at as seen_at,
        3 as evidence_order
    from {{ ref('int_virtual_agent_sessions_judged') }}

),

-- Left: the queue of the transferring agent's latest work before it, else of the latest wait.
lefts as (

    select
        transfers.call_id,
        transfers.idx,
        sightings.queue_id,
        row_number() over (
            partition by transfers.call_id, transfers.idx
            order by
                sightings.evidence_order asc,
                sightings.seen_at desc,
                sightings.leg_id desc,
                sightings.queue_id desc
        ) as nearest_order
    from transfers
    inner join sightings
        on
            transfers.call_id = sightings.call_id
            and transfers.created_at >= sightings.seen_at
            and transfers.transfer_id <> sightings.leg_id
            and (sightings.agent_id is null or transfers.from_agent_id = sightings.agent_id)
    where sightings.queue_id is not null

),

-- Went to: the queue of the leg's first wait, else of its work.
arrivals as (

    select
        transfers.call_id,
        transfers.idx,
        sightings.queue_id,
        row_number() over (
            partition by transfers.call_id, transfers.idx
            order by
                case when sightings.evidence_order = 2 then 0 else 1 end asc,
                sightings.seen_at asc nulls last,
                sightings.queue_id asc
        ) as nearest_order
    from transfers
    inner join sightings
        on
            transfers.call_id = sightings.call_id
            and transfers.transfer_id = sightings.leg_id
    where sightings.queue_id is not null

)

select
    transfers.call_id,
    transfers.idx,
    lefts.queue_id as from_queue_id,
    arrivals.queue_id as to_queue_id
from transfers
left join lefts
    on
        transfers.call_id = lefts.call_id
        and transfers.idx = lefts.idx
        and lefts.nearest_order = 1
left join arrivals
    on
        transfers.call_id = arrivals.call_id
        and transfers.idx = arrivals.idx
        and arrivals.nearest_order = 1
