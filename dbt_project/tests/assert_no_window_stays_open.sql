-- Windows that have been incomplete for more than a day, although they were requested again.
select
    windows.window_id,
    windows.why,
    windows.window_from,
    windows.window_until,
    windows.attempt,
    windows.verdict,
    windows.first_recorded_at
from {{ ref('int_load_windows_judged') }} as windows
where
    windows.is_open
    and {{ add_seconds('windows.first_recorded_at', '86400') }} < (
        select max(loads.inserted_at) from {{ ref('stg_ccaip__loads') }} as loads
    )
