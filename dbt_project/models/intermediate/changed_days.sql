-- The days of each model that changed, for models that are computed by day: see macros/increments/changed_days.sql.
-- Entries that all models have been built up to are removed.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false,
    pre_hook="{{ remove_built_days() }}"
) }}

select
    {{ as_text('null') }} as source_name,
    cast(null as date) as date_utc,
    cast(null as date) as local_date,
    {{ as_bigint('null') }} as change_number
from {{ ref('built_days') }}
where false
