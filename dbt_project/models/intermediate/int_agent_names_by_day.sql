{{ replaced_by_day('date_utc', days='date_utc', cluster_by=['agent_id'], partition_by='date_utc') }}

-- The names of each agent on a day (UTC), in the order in which calls showed them. From these few rows the versions are
-- computed.
with

-- One name per moment; rows without a name tell none.
sightings as (

    select
        *,
        {{ utc_date('shown_at') }} as date_utc,
        agent_name is not null
        and row_number() over (
            partition by agent_id, shown_at
            order by
                case when agent_name is null then 1 else 0 end asc,
                call_id desc,
                agent_name asc,
                agent_number asc nulls last
        ) = 1 as is_telling
    from {{ ref('int_agent_sightings') }}
    where {{ is_day_to_compute('shown_at', partition='local_date') }}

),

numbered as (

    {{ numbered_runs('sightings', 'agent_name', 'agent_id, date_utc, is_telling', 'shown_at') }}

),

told as (

    select
        *,
        case when is_telling then agent_name end as told_name,
        case when is_telling then run_number end as told_run,
        row_number() over (
            partition by agent_id, date_utc, is_telling, run_number
            order by case when agent_number is null then 1 else 0 end asc, shown_at desc
        ) as number_order
    from numbered

)

select
    date_utc,
    agent_id,
    is_telling,
    told_name as agent_name,
    max(case when is_telling and number_order = 1 then agent_number end) as agent_number,
    min(shown_at) as first_shown_at,
    max(shown_at) as last_shown_at
from told
group by date_utc, agent_id, is_telling, told_name, told_run
