-- Every name of an agent, and when it was used.
with

days as (

    select * from {{ ref('int_agent_names_by_day') }}

),

-- Rows without a name tell none.
telling as (

    select * from days
    where is_telling

),

numbered as (

    {{ numbered_runs('telling', 'agent_name', 'agent_id', 'first_shown_at') }}

),

told as (

    select
        *,
        row_number() over (
            partition by agent_id, run_number
            order by case when agent_number is null then 1 else 0 end asc, first_shown_at desc
        ) as number_order
    from numbered

),

versions as (

    select
        agent_id,
        {{ as_bigint('run_number') }} as version_number,
        max(agent_name) as agent_name,
        max(case when number_order = 1 then agent_number end) as agent_number,
        min(first_shown_at) as first_shown_at
    from told
    group by agent_id, run_number

),

agents as (

    select
        agent_id,
        min(first_shown_at) as first_seen_at,
        max(last_shown_at) as last_seen_at
    from days
    group by agent_id

)

select
    agents.agent_id,
    coalesce(versions.version_number, 1) as version_number,
    versions.agent_name,
    versions.agent_number,
    -- The first name also applies to the time before it.
    case
        when coalesce(versions.version_number, 1) = 1 then agents.first_seen_at else versions.first_shown_at
    end as valid_from,
    lead(versions.first_shown_at) over (partition by agents.agent_id order by versions.version_number) as valid_to,
    lead(versions.first_shown_at) over (
        partition by agents.agent_id
        order by versions.version_number
    ) is null as is_current,
    agents.first_seen_at,
    agents.last_seen_at
from agents
left join versions on agents.agent_id = versions.agent_id
