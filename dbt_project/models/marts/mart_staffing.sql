{{ replaced_by_day(
    'local_date',
    cluster_by=['queue_id'],
    days='date_utc',
    before=1,
    after=1,
    always='is_average_of_all_days'
) }}

-- Agents needed by Erlang C. Its sums are those of a Poisson distribution, so a running sum over the possible numbers
-- of agents gives all of them, without recursion and without overflow.
with

demand as (

    select
        *,
        {{ safe_ratio('handle_seconds', 'handled_segments') }} as average_handle_time,
        {{ safe_ratio('offered * handle_seconds', 'handled_segments * ' ~ var('report_interval_minutes') * 60) }}
            as offered_load_erlangs
    from {{ ref('int_staffing_demand') }}
    where
        is_average_of_all_days
        or {{ is_day_to_compute('local_date', before=1, after=1) }}

),

agents as (

    {{ whole_numbers(2000) }}

),

agent_counts as (

    select
        number,
        sum(ln(greatest(number, 1))) over (order by number rows between unbounded preceding and current row)
            as ln_factorial
    from agents

),

-- More agents than any target needs. If more than 2,000 would be needed, there is no result; up to 1,500 erlangs there
-- always is one.
terms as (

    select
        demand.interval_start_at,
        demand.queue_id,
        demand.offered_load_erlangs,
        demand.average_handle_time,
        demand.target_seconds,
        demand.target_percent,
        agent_counts.number as agents,
        agent_counts.number * ln(demand.offered_load_erlangs)
        - demand.offered_load_erlangs - agent_counts.ln_factorial as ln_probability
    from demand
    inner join agent_counts
        on agent_counts.number <= demand.offered_load_erlangs + 10 * sqrt(demand.offered_load_erlangs) + 30
    where demand.offered_load_erlangs > 0 and demand.target_seconds is not null

),

-- e to the power of -700 is 0, and an error in some engines.
poisson as (

    select
        *,
        case when ln_probability > -700 then exp(ln_probability) else 0 end as probability
    from terms

),

blocked as (

    select
        *,
        probability / nullif(
            sum(probability) over (
                partition by interval_start_at, queue_id
                order by agents
                rows between unbounded preceding and current row
            ),
            0
        ) as erlang_b
    from poisson

),

waiting as (

    select
        *,
        erlang_b / (1 - offered_load_erlangs / agents * (1 - erlang_b)) as erlang_c
    from blocked
    where agents > offered_load_erlangs

),

answered as (

    select
        *,
        1 - erlang_c * exp(
            greatest((offered_load_erlangs - agents) * target_seconds / average_handle_time, -700)
        ) as expected_service_level
    from waiting

),

needed as (

    select
        interval_start_at,
        queue_id,
        min(agents) as agents_needed,
        -- More agents are never worse, so this is the smallest number that meets the target.
        min(expected_service_level) as expected_service_level
    from answered
    where expected_service_level * 100 >= target_percent
    group by interval_start_at, queue_id

)

select
    demand.interval_start_at,
    demand.interval_start_local,
    demand.local_date,
    demand.queue_id,
    demand.queue_name,
    demand.offered,
    demand.handled_segments,
    demand.handle_seconds,
    demand.is_average_of_all_days,
    demand.average_handle_time,
    demand.offered_load_erlangs,
    demand.target_seconds,
    demand.target_percent,
    {{ as_bigint('needed.agents_needed') }} as agents_needed,
    needed.expected_service_level,
    {{ safe_ratio('demand.offered_load_erlangs', 'needed.agents_needed') }} as expected_occupancy
from demand
left join needed
    on
        demand.interval_start_at = needed.interval_start_at
        and demand.queue_id = needed.queue_id
