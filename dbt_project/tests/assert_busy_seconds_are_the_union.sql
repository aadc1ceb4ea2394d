-- An agent's busy seconds, counted another way: rows that touch or overlap form one island, from its first start to its
-- last end. Also, nobody is busy for longer than an interval lasts.
{%- set staged = ref('stg_ccaip__handle_durations') %}
{#- Calls with a row that may last into a touched day: a row lasts a day at most. #}
{%- set is_near = is_touched('started_at', 'date_utc', before=1) | trim %}
{%- set near = rows_where(
    staged, 'true' if is_near == 'true' else 'call_id in (select call_id from ' ~ staged ~ ' where ' ~ is_near ~ ')'
) %}
with

handle_rows as (

    {{ without_copies(
        near, 'handle_duration_id', ['agent_id', 'transfer_id'], same_kind_of_work()
    ) }}

),

rows_of_work as (

    select
        handle_rows.agent_id,
        coalesce(handle_rows.started_at, calls.created_at) as started_at,
        handle_rows.ended_at,
        coalesce(handle_rows.call_seconds, 0) + coalesce(handle_rows.acw_seconds, 0) as handle_seconds
    from handle_rows
    inner join {{ ref('fct_calls') }} as calls on handle_rows.call_id = calls.call_id
    where
        not coalesce(handle_rows.is_barged, false)
        and coalesce(handle_rows.agent_id, -1) <> -1

),

-- Distinct, because rows with the same start and end have no order that the two windows below could share.
segments as (

    select distinct
        agent_id,
        started_at,
        {{ lesser_of(
            'coalesce(ended_at, ' ~ add_seconds('started_at', 'handle_seconds') ~ ')',
            add_seconds('started_at', '86400')
        ) }} as ended_at
    from rows_of_work

),

covered as (

    select
        *,
        max(ended_at) over (
            partition by agent_id
            order by started_at, ended_at
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from segments
    where ended_at > started_at

),

numbered as (

    select
        *,
        sum(case when started_at <= covered_until then 0 else 1 end) over (
            partition by agent_id
            order by started_at, ended_at
            rows between unbounded preceding and current row
        ) as island
    from covered

),

islands as (

    select
        agent_id,
        min(started_at) as started_at,
        max(ended_at) as ended_at
    from numbered
    group by agent_id, island

),

days as (

    {{ touched_periods() }}

),

united as (

    select
        islands.agent_id,
        sum({{ seconds_between(
            'greatest(islands.started_at, days.begins_at)', 'least(islands.ended_at, days.ends_at)'
        ) }}) as united_seconds
    from islands
    inner join days
        on
            islands.started_at < days.ends_at
            and islands.ended_at > days.begins_at
    group by islands.agent_id

),

intervals as (

    select
        agent_id,
        interval_start_at,
        sum(agent_busy_seconds) as busy_seconds
    from {{ ref('agg_agent_intervals') }}
    where {{ is_touched('interval_start_at', 'date_utc', partition='local_date') }}
    group by agent_id, interval_start_at

),

busy as (

    select
        agent_id,
        sum(busy_seconds) as busy_seconds,
        max(busy_seconds) as longest_busy_seconds
    from intervals
    group by agent_id

)

select
    coalesce(united.agent_id, busy.agent_id) as agent_id,
    united.united_seconds,
    busy.busy_seconds,
    busy.longest_busy_seconds
from united
full outer join busy on united.agent_id = busy.agent_id
where
    coalesce(united.united_seconds, 0) <> coalesce(busy.busy_seconds, 0)
    or busy.longest_busy_seconds > {{ var('base_interval_minutes') * 60 }}
