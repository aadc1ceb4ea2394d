-- Completed transfers with the handled segment they left: the agent's latest one on that call before the transfer.
with

transfers as (

    select *
    from {{ ref('int_transfers_classified') }}
    where outcome = 'completed'

),

segments as (

    select *
    from {{ ref('int_handled_segments_folded') }}
    where is_handled

),

candidates as (

    select
        transfers.call_id,
        transfers.idx,
        transfers.kind,
        segments.agent_id,
        segments.leg_id,
        row_number() over (
            partition by transfers.call_id, transfers.idx
            order by segments.started_at desc, segments.leg_id desc
        ) as nearest_order
    from transfers
    inner join segments
        on
            transfers.call_id = segments.call_id
            and transfers.from_agent_id = segments.agent_id
            and transfers.created_at >= segments.started_at
            -- The leg that a transfer leads to is not the one it left.
            and transfers.transfer_id <> segments.leg_id

)

select
    call_id,
    idx,
    kind,
    agent_id,
    leg_id
from candidates
where nearest_order = 1
