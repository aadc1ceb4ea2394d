-- The change in changed_calls up to which each step and each fact was built, and the fingerprint of its rules then. A
-- record without one does not count any more, but keeps its number, so that numbers only grow.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false
) }}

select
    {{ as_text('null') }} as model_name,
    {{ as_bigint('null') }} as change_number,
    {{ as_text('null') }} as rules_fingerprint,
    false as is_complete
from {{ ref('stg_ccaip__loads') }}
where false
