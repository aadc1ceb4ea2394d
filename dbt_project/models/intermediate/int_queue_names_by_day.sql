{{ replaced_by_day('date_utc', days='date_utc', cluster_by=['queue_id'], partition_by='date_utc') }}

-- The names of each queue on a day (UTC), in the order in which its rows showed them. From these few rows the versions
-- are computed.
with

-- One name per moment; rows without a name tell none.
entries as (

    select
        queue_id,
        queue_name,
        entered_queue_at,
        {{ utc_date('entered_queue_at') }} as date_utc,
        queue_name is not null
        and row_number() over (
            partition by queue_id, entered_queue_at
            order by case when queue_name is null then 1 else 0 end asc, call_id desc, idx desc
        ) = 1 as is_telling
    from {{ ref('fct_queue_segments') }}
    where {{ is_day_to_compute('entered_queue_at', partition='local_date') }}

),

numbered as (

    {{ numbered_runs('entries', 'queue_name', 'queue_id, date_utc, is_telling', 'entered_queue_at') }}

),

told as (

    select
        *,
        case when is_telling then run_number end as told_run
    from numbered

)

select
    date_utc,
    queue_id,
    queue_name,
    is_telling,
    min(entered_queue_at) as first_entered_at,
    max(entered_queue_at) as last_entered_at
from told
group by date_utc, queue_id, queue_name, is_telling, told_run
