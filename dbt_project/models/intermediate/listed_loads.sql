-- The landed loads whose calls have been listed in changed_calls, each with the number under which they were.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false
) }}

select
    {{ as_text('null') }} as load_id,
    {{ as_bigint('null') }} as change_number
from {{ ref('stg_ccaip__loads') }}
where false
