-- How long contacts took, a minute a bin, the last for all that took longer: of all agents, and of one.
{% from '_macros.sql' import in_queues %}
with

bins as (

    select
        cast(least(floor(handle_seconds / 60.0), 20) as bigint) * 60 as handle_from_seconds,
        count(*) as handled_segments,
        count(case when agent_id = :agent then 1 end) as agent_handled_segments
    from marts.fct_handled_segments
    where
        is_handled
        and local_date between :from_date and :to_date
        and direction = :direction
        and {{ in_queues() }}
    group by 1

)

select
    handle_from_seconds,
    handled_segments,
    agent_handled_segments,
    cast(handled_segments as double precision) / nullif(sum(handled_segments) over (), 0) as all_agents_share,
    cast(agent_handled_segments as double precision) / nullif(sum(agent_handled_segments) over (), 0) as agent_share
from bins
order by handle_from_seconds
