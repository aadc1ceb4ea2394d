-- Agents: handle time and handled segments, with the median and the middle 80 % of agents who handled 30 or more.
{% from '_macros.sql' import in_queues %}
with

agents as (

    select
        handled.agent_id,
        count(case when handled.is_handled then 1 end) as handled_segments,
        cast(sum(case when not handled.is_barged then handled.handle_seconds end) as double precision)
        / nullif(count(case when handled.is_handled then 1 end), 0) as average_handle_time,
        cast(sum(case when not handled.is_barged then handled.talk_seconds end) as double precision)
        / nullif(count(case when handled.is_handled then 1 end), 0) as average_talk_time,
        cast(sum(case when not handled.is_barged then handled.hold_seconds end) as double precision)
        / nullif(count(case when handled.is_handled then 1 end), 0) as average_hold_time,
        cast(sum(case when not handled.is_barged then handled.acw_seconds end) as double precision)
        / nullif(count(case when handled.is_handled then 1 end), 0) as average_acw_time
    from marts.fct_handled_segments as handled
    where
        handled.local_date between :from_date and :to_date
        and handled.direction = :direction
        and handled.agent_id <> -1
        and {{ in_queues('handled.') }}
    group by handled.agent_id
    having count(case when handled.is_handled then 1 end) > 0

),

band as (

    select
        percentile_cont(0.1) within group (order by average_handle_time) as p10_handle_seconds,
        percentile_cont(0.5) within group (order by average_handle_time) as median_handle_seconds,
        percentile_cont(0.9) within group (order by average_handle_time) as p90_handle_seconds
    from agents
    where handled_segments >= 30

)

select
    agents.agent_id,
    coalesce(names.agent_name, cast(agents.agent_id as varchar)) as agent_name,
    agents.handled_segments,
    agents.average_handle_time,
    agents.average_talk_time,
    agents.average_hold_time,
    agents.average_acw_time,
    agents.handled_segments >= 30 as is_enough,
    band.p10_handle_seconds,
    band.median_handle_seconds,
    band.p90_handle_seconds
from agents
cross join band
left join marts.dim_agents as names on agents.agent_id = names.agent_id
order by agent_name, agents.agent_id
