{{ replaced_by_day('local_date', cluster_by=['queue_id'], before=8) }}

-- A contact decides about those of the seven days before it, which may begin on eight earlier dates when clocks change.
with

contacts as (

    select
        *,
        lead(created_at) over (
            partition by end_user_id order by created_at asc nulls last, call_id asc
        ) as next_created_at
    from {{ ref('int_calls_placed') }}
    where
        is_contact
        and {{ is_day_to_compute('local_date', before=8, after=8) }}

),

judged as (

    select
        contacts.*,
        contacts.end_user_id is not null as is_identified,
        {{ add_seconds('contacts.created_at', 7 * 86400) }} <= lateness.as_of_at as is_window_over,
        coalesce(
            contacts.next_created_at <= {{ add_seconds('contacts.created_at', 7 * 86400) }}, false
        ) as is_repeated,
        contacts.is_handled or contacts.is_virtual_agent_contained as is_served
    from contacts
    cross join {{ ref('int_update_lateness') }} as lateness
    where
        contacts.is_over
        and {{ is_day_to_compute('contacts.local_date', before=8) }}

),

parts as (

    select
        local_date,
        queue_id,
        queue_name,
        call_type,
        count(*) as inbound_contacts,
        {{ count_where('not is_identified') }} as unidentified_contacts,
        {{ count_where('is_identified and not is_window_over') }} as open_contacts,
        {{ count_where('is_identified and is_window_over') }} as contacts,
        {{ count_where('is_identified and is_window_over and is_repeated') }} as repeated_contacts,
        {{ count_where('is_identified and is_window_over and is_served') }} as served_contacts,
        {{ count_where('is_identified and is_window_over and is_served and not is_repeated') }} as resolved_contacts
    from judged
    group by 1, 2, 3, 4

)

select
    *,
    {{ safe_ratio('repeated_contacts', 'contacts') }} as repeat_contact_rate_7d,
    {{ safe_ratio('resolved_contacts', 'served_contacts') }} as first_contact_resolution_proxy
from parts
