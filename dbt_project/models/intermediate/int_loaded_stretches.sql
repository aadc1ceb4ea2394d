-- The periods of `updated_at` that complete windows cover without a gap. Consecutive windows share a second. Windows of
-- single calls (heal) and of calls dated in the future cover nothing.
with

windows as (

    select
        window_id,
        window_from,
        window_until,
        max(window_until) over (
            order by window_from, window_until, window_id
            rows between unbounded preceding and 1 preceding
        ) as covered_before
    from {{ ref('int_load_windows_judged') }}
    where
        not is_open
        and why in ('tail', 'overlap', 'backfill')

),

numbered as (

    select
        window_from,
        window_until,
        sum(case when window_from <= covered_before then 0 else 1 end) over (
            order by window_from, window_until, window_id
            rows between unbounded preceding and current row
        ) as stretch
    from windows

)

select
    min(window_from) as stretch_from,
    max(window_until) as stretch_until
from numbered
group by stretch
