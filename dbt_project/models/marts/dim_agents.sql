-- Every agent any call names. Shown under the name that the seed agent_names gives, else under the newest
-- name seen where the privacy policy keeps names, else by number.
with

calls as (

    select
        call_id,
        updated_at,
        agent_info__id,
        agent_info__name,
        agent_info__agent_number
    from {{ ref('stg_ccaip__calls') }}

),

sightings as (

    select
        agent_info__id as agent_id,
        {{ plain_name('agent_info__name') }} as agent_name,
        agent_info__agent_number as agent_number,
        updated_at as seen_at
    from calls

    union all

    select
        transfers.from_agent__id as agent_id,
        {{ plain_name('transfers.from_agent__name') }} as agent_name,
        transfers.from_agent__agent_number as agent_number,
        calls.updated_at as seen_at
    from {{ ref('stg_ccaip__transfers') }} as transfers
    inner join calls on transfers.call_id = calls.call_id

    union all

    select
        transfers.to_agent__id as agent_id,
        {{ plain_name('transfers.to_agent__name') }} as agent_name,
        transfers.to_agent__agent_number as agent_number,
        calls.updated_at as seen_at
    from {{ ref('stg_ccaip__transfers') }} as transfers
    inner join calls on transfers.call_id = calls.call_id

    union all

    select
        escalations.to_agent__id as agent_id,
        {{ plain_name('escalations.to_agent__name') }} as agent_name,
        escalations.to_agent__agent_number as agent_number,
        calls.updated_at as seen_at
    from {{ ref('stg_ccaip__escalations') }} as escalations
    inner join calls on escalations.call_id = calls.call_id

    union all

    -- Those who only ever appear by number: no name, but work done.
    select
        agent_id,
        null as agent_name,
        null as agent_number,
        started_at as seen_at
    from {{ ref('fct_handled_segments') }}

),

ordered as (

    select
        *,
        row_number() over (
            partition by agent_id
            order by case when agent_name is null then 1 else 0 end asc, seen_at desc, agent_name asc
        ) as newest_order
    from sightings
    where agent_id is not null

)

select
    ordered.agent_id,
    coalesce(
        max(given_names.agent_name),
        max(case when ordered.newest_order = 1 then ordered.agent_name end),
        cast(ordered.agent_id as varchar)
    ) as agent_name,
    max(case when ordered.newest_order = 1 then ordered.agent_number end) as agent_number,
    min(ordered.seen_at) as first_seen_at,
    max(ordered.seen_at) as last_seen_at
from ordered
left join {{ ref('agent_names') }} as given_names on ordered.agent_id = given_names.agent_id
group by ordered.agent_id
