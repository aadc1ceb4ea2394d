-- Patience: the share of callers who would still wait after so many seconds if nobody were answered (Kaplan–Meier:
-- callers who were answered or left otherwise tell only that they waited so long). To ten minutes.
{% from '_macros.sql' import in_filters %}
with

waits as (

    select
        wait_seconds,
        count(*) as ended,
        count(case when outcome = 'abandoned' then 1 end) as abandoned
    from marts.fct_queue_segments
    where
        is_offered
        and wait_seconds is not null
        and local_date between :from_date and :to_date
        and {{ in_filters() }}
    group by wait_seconds

),

at_risk as (

    select
        wait_seconds,
        abandoned,
        sum(ended) over (order by wait_seconds rows between current row and unbounded following) as waiting
    from waits

),

curve as (

    select
        wait_seconds,
        cast(waiting as bigint) as waiting,
        abandoned,
        -- where everybody left gives up, nobody waits on: there is no logarithm of 0
        exp(
            sum(ln(nullif(1 - cast(abandoned as double precision) / waiting, 0)))
                over (order by wait_seconds rows between unbounded preceding and current row)
        )
        * min(case when abandoned = waiting then 0 else 1 end)
            over (order by wait_seconds rows between unbounded preceding and current row) as still_waiting_share
    from at_risk

)

select *
from curve
where wait_seconds <= 600 and abandoned > 0
order by wait_seconds
