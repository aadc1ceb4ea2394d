-- Call types from the seed, and those found only in calls.
with

seen as (

    select distinct
        call_type,
        direction
    from {{ ref('int_calls_by_day') }}

)

select
    coalesce(listed.call_type, seen.call_type) as call_type,
    coalesce(listed.direction, seen.direction) as direction,
    listed.class_name,
    coalesce(listed.is_documented, false) as is_documented,
    listed.call_type is not null as is_listed
from {{ ref('call_types') }} as listed
full outer join seen on listed.call_type = seen.call_type
