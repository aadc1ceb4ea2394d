-- A queue's local days have the totals of its segments by local date of entry.
with

segments as (

    select
        segments.*,
        cast({{ to_local('segments.entered_queue_at', 'queues.reporting_timezone') }} as date) as entered_on
    from {{ ref('fct_queue_segments') }} as segments
    inner join {{ ref('dim_queues') }} as queues on segments.queue_id = queues.queue_id
    where {{ is_touched('segments.local_date', 'local_date', before=1, after=1) }}

),

-- The date as an aggregate, so that engines compare it after the grouping: once a date, not once a segment.
day_totals as (

    select
        queue_id,
        min(entered_on) as local_date,
        {{ count_where("outcome <> 'in_progress'") }} as offered,
        {{ count_where("outcome = 'answered'") }} as answered,
        {{ count_where("outcome = 'abandoned'") }} as abandoned,
        max(case when outcome <> 'in_progress' then wait_seconds end) as longest_wait_seconds
    from segments
    group by queue_id, entered_on

),

fact as (

    select * from day_totals
    where {{ is_touched('local_date', 'local_date') }}

),

{{ cells_that_disagree(
    marts=[('mart_queue_days', 'true'), ('mart_wait_percentiles', "percentiles_of = 'queue and day'")],
    dated_by='local_date',
    days='local_date',
    keys={'queue_id': 'queue_id', 'local_date': 'local_date'},
    parts=['offered', 'answered', 'abandoned', 'longest_wait_seconds'],
) }}
