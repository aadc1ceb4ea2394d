-- One row: how fresh these marts are. `callmart publish` adds the time and the version to the copy.
select
    reach.reached_at as data_until,
    lateness.as_of_at as newest_change_at,
    lateness.lateness_seconds,
    '{{ var("reporting_timezone") }}' as reporting_timezone,
    '{{ dbt_version }}' as dbt_version
from {{ ref('int_load_reach') }} as reach
cross join {{ ref('int_update_lateness') }} as lateness
