-- Every mart of handled work by date has the fact's totals, by local date and direction.
with

fact as (

    select
        direction,
        local_date,
        {{ count_where('is_handled') }} as handled_segments,
        {{ count_where('is_handled and hold_seconds > 0') }} as held_segments,
        {{ count_where('is_short_call') }} as short_calls,
        {{ sum_of('transfers_out') }} as transfers_out,
        {{ sum_where('talk_seconds', 'not is_barged') }} as talk_seconds,
        {{ sum_where('hold_seconds', 'not is_barged') }} as hold_seconds,
        {{ sum_where('acw_seconds', 'not is_barged') }} as acw_seconds,
        {{ sum_where('talk_seconds + hold_seconds + acw_seconds', 'not is_barged') }} as handle_seconds
    from {{ ref('fct_handled_segments') }}
    where {{ is_touched('local_date', 'local_date') }}
    group by 1, 2

),

{{ cells_that_disagree(
    marts=[('agg_agent_days', 'true'), ('mart_agent_handle_time', 'true')],
    dated_by='local_date',
    days='local_date',
    keys={'direction': 'direction', 'local_date': 'local_date'},
    parts=[
        'handled_segments', 'held_segments', 'short_calls', 'transfers_out', 'talk_seconds', 'hold_seconds',
        'acw_seconds', 'handle_seconds',
    ],
) }}
