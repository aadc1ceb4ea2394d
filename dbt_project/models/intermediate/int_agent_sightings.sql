-- Every mention of an agent in a call, with name (if the privacy policy keeps names) and time.
with

calls as (

    select
        call_id,
        coalesce(created_at, updated_at) as shown_at,
        agent_info__id,
        agent_info__name,
        agent_info__agent_number
    from {{ ref('stg_ccaip__calls') }}

),

sightings as (

    select
        call_id,
        agent_info__id as agent_id,
        {{ plain_name('agent_info__name') }} as agent_name,
        agent_info__agent_number as agent_number,
        shown_at
    from calls

    union all

    select
        calls.call_id,
        transfers.from_agent__id as agent_id,
        {{ plain_name('transfers.from_agent__name') }} as agent_name,
        transfers.from_agent__agent_number as agent_number,
        coalesce(transfers.created_at, calls.shown_at) as shown_at
    from {{ ref('stg_ccaip__transfers') }} as transfers
    inner join calls on transfers.call_id = calls.call_id

    union all

    select
        calls.call_id,
        transfers.to_agent__id as agent_id,
        {{ plain_name('transfers.to_agent__name') }} as agent_name,
        transfers.to_agent__agent_number as agent_number,
        coalesce(transfers.created_at, calls.shown_at) as shown_at
    from {{ ref('stg_ccaip__transfers') }} as transfers
    inner join calls on transfers.call_id = calls.call_id

    union all

    select
        calls.call_id,
        escalations.to_agent__id as agent_id,
        {{ plain_name('escalations.to_agent__name') }} as agent_name,
        escalations.to_agent__agent_number as agent_number,
        coalesce(escalations.created_at, calls.shown_at) as shown_at
    from {{ ref('stg_ccaip__escalations') }} as escalations
    inner join calls on escalations.call_id = calls.call_id

    union all

    -- Agents who appear only by number.
    select
        call_id,
        agent_id,
        null as agent_name,
        null as agent_number,
        started_at as shown_at
    from {{ ref('fct_handled_segments') }}

)

select
    call_id,
    agent_id,
    agent_name,
    agent_number,
    shown_at
from sightings
where agent_id is not null
