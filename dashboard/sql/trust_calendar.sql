-- Whether each day's calls are all here, by either timestamp.
select
    day_utc,
    counted_by,
    verdict,
    counted_by_api,
    landed,
    rejected,
    vanished,
    differences,
    open_windows,
    checked_at
from marts.mart_completeness
where day_utc between :from_date and :to_date
order by day_utc, counted_by
