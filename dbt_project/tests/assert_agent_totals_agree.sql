-- Every mart of handled work by interval has the fact's totals, by UTC day and direction. Cells without work are left
-- out: an interval can have an agent busy with what began on another day.
{%- set has_work = 'handled_segments > 0 or handle_seconds <> 0 or hold_seconds <> 0' %}
with

day_totals as (

    select
        direction,
        {{ interval_start('started_at', 1440) }} as day_start_at,
        {{ handled_work() }}
    from {{ ref('fct_handled_segments') }}
    where {{ is_touched('started_at', 'date_utc', partition='local_date') }}
    group by 1, 2

),

fact as (

    select * from day_totals
    where {{ has_work }}

),

{{ cells_that_disagree(
    marts=[
        ('agg_agent_intervals', has_work),
        ('mart_queue_handle_time', 'interval_minutes = 15 and (' ~ has_work ~ ')'),
        ('mart_queue_handle_time', 'interval_minutes = 30 and (' ~ has_work ~ ')'),
        ('mart_queue_handle_time', 'interval_minutes = 60 and (' ~ has_work ~ ')'),
    ],
    dated_by='interval_start_at',
    days='date_utc',
    keys={'direction': 'direction', 'day_start_at': interval_start('interval_start_at', 1440)},
    parts=handled_work_parts(),
) }}
