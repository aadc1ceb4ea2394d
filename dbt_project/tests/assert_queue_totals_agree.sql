-- Every mart of queues by interval has the fact's totals for each queue and UTC day. This finds rows that a join loses
-- or duplicates, even if the overall total is right.
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
    where {{ is_touched('entered_queue_at', 'date_utc', partition='local_date') }}
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
    dated_by='interval_start_at',
    days='date_utc',
    keys={'queue_id': 'queue_id', 'day_start_at': interval_start('interval_start_at', 1440)},
    parts=['offered', 'answered', 'abandoned', 'short_abandoned', 'flowed_out', 'failed', 'in_progress'],
) }}
