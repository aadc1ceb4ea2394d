{{ replaced_by_day('local_date', cluster_by=['queue_id']) }}

with

parts as (

    select
        local_date,
        virtual_agent_id,
        coalesce(queue_id, -1) as queue_id,
        count(*) as sessions,
        {{ count_where("outcome = 'contained'") }} as contained,
        {{ count_where("outcome = 'escalated'") }} as escalated,
        {{ count_where("outcome = 'person_later'") }} as person_later,
        {{ count_where("outcome = 'in_progress'") }} as in_progress,
        {{ count_where("escalation_outcome = 'person'") }} as escalations_to_person,
        {{ count_where("escalation_outcome = 'deflected'") }} as escalations_deflected,
        {{ count_where("escalation_outcome = 'failed'") }} as escalations_failed,
        {{ sum_of('session_seconds') }} as session_seconds,
        {{ sum_where('session_seconds', "outcome = 'contained'") }} as contained_session_seconds,
        max(session_seconds) as longest_session_seconds,
        {{ sum_of('responses') }} as responses,
        {{ sum_of('fallback_responses') }} as fallback_responses
    from {{ ref('fct_virtual_agent_sessions') }}
    where {{ is_day_to_compute('local_date') }}
    group by 1, 2, 3

)

select
    *,
    {{ safe_ratio('contained', 'sessions - in_progress') }} as va_containment_rate,
    {{ safe_ratio('escalated', 'sessions - in_progress') }} as va_escalation_rate,
    {{ safe_ratio('escalations_deflected', 'escalated') }} as va_deflected_escalation_rate,
    {{ safe_ratio('session_seconds', 'sessions') }} as average_session_time,
    {{ safe_ratio('fallback_responses', 'responses') }} as fallback_response_rate
from parts
