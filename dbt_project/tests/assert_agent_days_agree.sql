-- Every mart of handled work by date has the fact's totals, by local date and direction.
with

fact as (

    select
        direction,
        local_date,
        {{ handled_work() }}
    from {{ ref('fct_handled_segments') }}
    where {{ is_touched('local_date', 'local_date') }}
    group by 1, 2

),

{{ cells_that_disagree(
    marts=[('agg_agent_days', 'true'), ('mart_agent_handle_time', 'true')],
    dated_by='local_date',
    days='local_date',
    keys={'direction': 'direction', 'local_date': 'local_date'},
    parts=handled_work_parts(),
) }}
