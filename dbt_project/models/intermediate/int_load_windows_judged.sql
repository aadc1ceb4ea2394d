-- The ledger by window: the verdict of its latest attempt, and since when the window has been open.
with

attempts as (

    select
        windows.window_id,
        windows.attempt,
        windows.why,
        windows.window_from,
        windows.window_until,
        windows.verdict,
        coalesce(windows.finished_at, windows.started_at) as asked_at,
        -- A window that is only planned has no times of its own.
        coalesce(windows.started_at, loads.inserted_at) as recorded_at,
        row_number() over (
            partition by windows.window_id
            order by windows.attempt desc
        ) as place_from_latest
    from {{ ref('stg_ccaip__load_windows') }} as windows
    left join {{ ref('stg_ccaip__loads') }} as loads on windows.record_load_id = loads.load_id

),

firsts as (

    select
        window_id,
        min(recorded_at) as first_recorded_at
    from attempts
    group by window_id

)

select
    attempts.window_id,
    attempts.attempt,
    attempts.why,
    attempts.window_from,
    attempts.window_until,
    attempts.verdict,
    attempts.verdict <> 'complete' as is_open,
    attempts.asked_at,
    firsts.first_recorded_at
from attempts
inner join firsts on attempts.window_id = firsts.window_id
where attempts.place_from_latest = 1
