-- The change in changed_days up to which each model was built, and the project's fingerprint then.
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
