-- The fail reasons that are a caller's hanging up, each with the time in which its class holds.
select
    fail_reason,
    outcome,
    is_ringing,
    valid_from,
    lead(valid_from) over (partition by fail_reason order by valid_from nulls first) as valid_until
from {{ ref('abandon_fail_reasons') }}
