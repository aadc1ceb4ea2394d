select
    calls.call_id,
    calls.status,
    calls.call_type,
    calls.local_date,
    calls.queue_id,
    calls.queue_name,
    calls.created_at,
    {{ to_local('calls.created_at', "'" ~ var('reporting_timezone') ~ "'") }} as created_local,
    calls.updated_at,
    {{ seconds_between('calls.begun_at', 'lateness.as_of_at') }} as open_seconds
from {{ ref('int_calls_placed') }} as calls
cross join {{ ref('int_update_lateness') }} as lateness
where
    not calls.is_over
    and {{ add_seconds('calls.begun_at', var('unfinished_call_hours') * 3600) }} <= lateness.as_of_at
