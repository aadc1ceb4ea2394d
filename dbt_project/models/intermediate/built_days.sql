-- Up to which change in changed_days each model was built, and under which fingerprint of the project.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false
) }}

select
    {{ as_text('null') }} as model_name,
    {{ as_bigint('null') }} as change_number,
    {{ as_text('null') }} as project_fingerprint
from {{ ref('stg_ccaip__loads') }}
where false
