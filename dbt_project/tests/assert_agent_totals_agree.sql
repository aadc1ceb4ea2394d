-- Every mart of handled work has the fact's totals in each direction.
with

fact as (

    select
        direction,
        {{ count_where('is_handled') }} as handled_segments,
        {{ count_where('is_handled and hold_seconds > 0') }} as held_segments,
        {{ count_where('is_short_call') }} as short_calls,
        {{ sum_of('transfers_out') }} as transfers_out,
        {{ sum_where('talk_seconds', 'not is_barged') }} as talk_seconds,
        {{ sum_where('hold_seconds', 'not is_barged') }} as hold_seconds,
        {{ sum_where('acw_seconds', 'not is_barged') }} as acw_seconds,
        {{ sum_where('talk_seconds + hold_seconds + acw_seconds', 'not is_barged') }} as handle_seconds
    from {{ ref('fct_handled_segments') }}
    group by direction

),

{{ cells_that_disagree(
    marts=[
        ('agg_agent_days', 'true'),
        ('agg_agent_intervals', 'true'),
        ('mart_agent_handle_time', 'true'),
        ('mart_queue_handle_time', 'interval_minutes = 15'),
        ('mart_queue_handle_time', 'interval_minutes = 30'),
        ('mart_queue_handle_time', 'interval_minutes = 60'),
    ],
    keys={'direction': 'direction'},
    parts=[
        'handled_segments', 'held_segments', 'short_calls', 'transfers_out', 'talk_seconds', 'hold_seconds',
        'acw_seconds', 'handle_seconds',
    ],
) }}
