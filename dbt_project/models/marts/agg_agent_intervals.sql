{{ replaced_by_day('interval_start_at', cluster_by=['agent_id'], after=1) }}

-- What each agent began in a base interval, and how long the agent was busy in it. Parts belong to the interval in
-- which a segment started; busy time to the intervals that segments cover, each second once.
with

started as (

    select
        agent_id,
        direction,
        interval_start_at,
        {{ handle_parts() }},
        {{ count_where('not is_call_ended') }} as open_segments
    from {{ ref('fct_handled_segments') }}
    where {{ is_day_to_compute('interval_start_at', after=1, partition='local_date') }}
    group by agent_id, direction, interval_start_at

),

-- The part of each row that no earlier row covers. These parts never overlap and make up the union, so each busy second
-- counts once and has a direction.
stretches as (

    select
        agent_id,
        direction,
        ended_at as busy_until,
        {{ greater_of(
            'started_at',
            'max(ended_at) over (partition by agent_id order by started_at, call_id, leg_id, idx'
            ~ ' rows between unbounded preceding and 1 preceding)'
        ) }} as busy_from
    from {{ ref('int_agent_work') }}
    -- Rows of the two days before can last into the first day.
    where {{ is_day_to_compute('started_at', before=2, after=1, partition='local_date') }}

),

-- One more than the base intervals of a day, because a row as long as a day can begin within one.
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
    where {{ is_day_to_compute('interval_start_at', after=1) }}
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
    {{ to_local('joined.interval_start_at', "'" ~ var('reporting_timezone') ~ "'") }} as interval_start_local,
    cast({{ to_local('joined.interval_start_at', "'" ~ var('reporting_timezone') ~ "'") }} as date) as local_date,
    {{ is_settled(
        'joined.open_segments', add_seconds('joined.interval_start_at', var('base_interval_minutes') * 60)
    ) }}
    and {{ add_seconds(
        'joined.interval_start_at', 'lateness.lateness_seconds + ' ~ var('base_interval_minutes') * 60
    ) }} <= lateness.as_of_at as is_final
from joined
cross join {{ ref('int_update_lateness') }} as lateness
