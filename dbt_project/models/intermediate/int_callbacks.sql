-- Each call-back under the call it responds to, or under its own queue and date if that call is not loaded.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    on_schema_change='sync_all_columns',
    meta={
        'reach': 'dates_of_changed_rows',
        'compared': [
            'call_id', 'local_date', 'queue_id', 'queue_name', 'call_type', 'callback_of', 'callback_state',
        ],
    }
) }}

{{ after_day_records() }}
with

children as (

    select * from {{ ref('int_calls_placed') }}
    where parent_call_id is not null

),

parents as (

    select * from {{ ref('int_calls_placed') }}
    where call_id in (select children.parent_call_id from children)

)

select
    children.call_id,
    coalesce(parents.local_date, children.local_date) as local_date,
    coalesce(parents.queue_id, children.queue_id) as queue_id,
    coalesce(parents.queue_name, children.queue_name) as queue_name,
    coalesce(parents.call_type, children.call_type) as call_type,
    case
        when parents.call_id is null then 'unlinked'
        when parents.flowed_out_as in ('scheduled', 'voicemail') then parents.flowed_out_as
        else 'recovery'
    end as callback_of,
    case
        when not children.is_ended then 'open'
        when children.is_handled then 'successful'
        else 'failed'
    end as callback_state
from children
left join parents on children.parent_call_id = parents.call_id
