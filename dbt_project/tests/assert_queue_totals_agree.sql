-- Every mart that tells of queues by interval tells the fact's totals, queue by queue and UTC day by UTC day: a row
-- lost or doubled by a join shows, also where another one makes up for it.
with

fact as (

    select
        queue_id,
        {{ interval_start('entered_queue_at', 1440) }} as day_start_at,
        {{ count_where("outcome <> 'in_progress'") }} as offered,
        {{ count_where("outcome = 'answered'") }} as answered,
        {{ count_where("outcome = 'abandoned'") }} as abandoned,
        {{ count_where("is_short_abandon") }} as short_abandoned,
        {{ count_where("outcome = 'flowed_out'") }} as flowed_out,
        {{ count_where("outcome = 'failed'") }} as failed,
        {{ count_where("outcome = 'in_progress'") }} as in_progress
    from {{ ref('fct_queue_segments') }}
    group by 1, 2

),

{{ cells_that_disagree(
    marts=[
        ('agg_queue_intervals', 'true'),
        ('mart_service_level', 'true'),
        ('mart_abandonment', 'true'),
        ('mart_queue_intervals', 'interval_minutes = 15'),
        ('mart_queue_intervals', 'interval_minutes = 30'),
        ('mart_queue_intervals', 'interval_minutes = 60'),
    ],
    keys={'queue_id': 'queue_id', 'day_start_at': interval_start('interval_start_at', 1440)},
    parts=['offered', 'answered', 'abandoned', 'short_abandoned', 'flowed_out', 'failed', 'in_progress'],
) }}
