-- What each agent began in a base interval, and how long the agent was busy in it. The parts belong to the interval
-- in which a segment started; busy time is where segments lie, however many at once.
with

started as (

    select
        agent_id,
        direction,
        interval_start_at,
        {{ handle_parts() }},
        {{ count_where('not is_call_ended') }} as open_segments
    from {{ ref('fct_handled_segments') }}
    group by agent_id, direction, interval_start_at

),

-- The rows' own stretches, not the segment's span: a wrap-up hours after the talk leaves the hours between them free.
-- A supervisor listening in handles nothing, and the time of agents nobody named cannot be united. No row is
-- believed to last longer than a day: one that ends in 2030 would fill a hundred thousand intervals.
work as (

    select
        handle_rows.call_id,
        handle_rows.leg_id,
        handle_rows.idx,
        handle_rows.agent_id,
        handle_rows.call_seconds + handle_rows.acw_seconds as handle_seconds,
        calls.direction,
        coalesce(handle_rows.started_at, calls.created_at) as started_at,
        handle_rows.ended_at
    from {{ ref('int_handle_rows') }} as handle_rows
    inner join {{ ref('fct_calls') }} as calls on handle_rows.call_id = calls.call_id
    where
        not handle_rows.is_duplicate
        and not handle_rows.is_barged
        and handle_rows.agent_id <> -1

),

bounded as (

    select
        call_id,
        leg_id,
        idx,
        agent_id,
        direction,
        started_at,
        least(
            coalesce(ended_at, {{ add_seconds('started_at', 'handle_seconds') }}),
            {{ add_seconds('started_at', '86400') }}
        ) as ended_at
    from work

),

-- Of each row the stretch that no earlier one has covered. These stretches never overlap and make up the union,
-- so each second is busy once, and has a direction.
stretches as (

    select
        agent_id,
        direction,
        ended_at as busy_until,
        greatest(
            started_at,
            coalesce(
                max(ended_at) over (
                    partition by agent_id
                    order by started_at, call_id, leg_id, idx
                    rows between unbounded preceding and 1 preceding
                ),
                started_at
            )
        ) as busy_from
    from bounded

),

-- One more than the base intervals of a day: a stretch as long as a day can begin within one.
places as (

    {{ whole_numbers(base_intervals_of_a_day()) }}

),

pieces as (

    select
        stretches.agent_id,
        stretches.direction,
        stretches.busy_from,
        stretches.busy_until,
        {{ add_seconds(
            interval_start('stretches.busy_from', var('base_interval_minutes')),
            'places.number * ' ~ var('base_interval_minutes') * 60
        ) }} as interval_start_at
    from stretches
    inner join places
        on places.number * {{ var('base_interval_minutes') * 60 }} < {{ seconds_between(
            interval_start('stretches.busy_from', var('base_interval_minutes')), 'stretches.busy_until'
        ) }}
    where stretches.busy_from < stretches.busy_until

),

busy as (

    select
        agent_id,
        direction,
        interval_start_at,
        {{ sum_of(seconds_between(
            'greatest(busy_from, interval_start_at)',
            'least(busy_until, ' ~ add_seconds('interval_start_at', var('base_interval_minutes') * 60) ~ ')'
        )) }} as agent_busy_seconds
    from pieces
    group by agent_id, direction, interval_start_at

),

joined as (

    select
        coalesce(started.agent_id, busy.agent_id) as agent_id,
        coalesce(started.direction, busy.direction) as direction,
        coalesce(started.interval_start_at, busy.interval_start_at) as interval_start_at,
        {% for part in [
            'handled_segments', 'handled_calls', 'held_segments', 'short_calls', 'transfers_out', 'cold_transfers_out',
            'warm_transfers_out', 'transferred_calls'
        ] + handle_seconds_parts() -%}
            coalesce(started.{{ part }}, 0) as {{ part }},
        {% endfor -%}
        coalesce(started.open_segments, 0) as open_segments,
        coalesce(busy.agent_busy_seconds, 0) as agent_busy_seconds
    from started
    full outer join busy
        on
            started.agent_id = busy.agent_id
            and started.direction = busy.direction
            and started.interval_start_at = busy.interval_start_at

)

select
    joined.*,
    cast({{ to_local('joined.interval_start_at', "'" ~ var('reporting_timezone') ~ "'") }} as date) as local_date,
    {{ is_settled(
        'joined.open_segments', add_seconds('joined.interval_start_at', var('base_interval_minutes') * 60)
    ) }}
    and {{ add_seconds(
        'joined.interval_start_at', 'lateness.lateness_seconds + ' ~ var('base_interval_minutes') * 60
    ) }} <= lateness.as_of_at as is_final
from joined
cross join {{ ref('int_update_lateness') }} as lateness
