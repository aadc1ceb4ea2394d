-- The fail reasons that mean that the caller hung up, each with the period in which its class is valid.
select
    fail_reason,
    outcome,
    is_ringing,
    valid_from,
    lead(valid_from) over (partition by fail_reason order by valid_from nulls first) as valid_until
from {{ ref('abandon_fail_reasons') }}
