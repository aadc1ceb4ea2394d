{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    on_schema_change='sync_all_columns',
    meta={'reach': 'days_of_changed_agents'}
) }}

{{ after_day_records() }}
-- Every agent in any call, with the name from the seed agent_names, else the newest name if the privacy policy keeps
-- names, else the number.
select
    agents.agent_id,
    coalesce(given_names.agent_name, agents.agent_name, {{ as_text('agents.agent_id') }}) as agent_name,
    agents.agent_number,
    agents.first_seen_at,
    agents.last_seen_at
from {{ ref('dim_agent_versions') }} as agents
left join {{ ref('agent_names') }} as given_names on agents.agent_id = given_names.agent_id
where agents.is_current
