-- The calls that facts have to recompute: see macros/increments/changed_calls.sql. Each call is listed once, under the
-- number of its newest change; entries that all facts have been built up to are removed.
{{ config(
    materialized='incremental',
    incremental_strategy='list_calls',
    full_refresh=false,
    indexes=lookup_indexes(['call_id']),
    pre_hook="{{ before_calls_are_listed() }}"
) }}
-- depends_on: {{ ref('stg_ccaip__loads') }}, {{ ref('built_calls') }}
{%- set known_calls = table_of_known_calls() %}

with

changed as (

    select calls.call_id
    from {{ ref('stg_ccaip__calls') }} as calls
    left join {{ ref('listed_loads') }} as listed_loads
        on
            calls.load_id = listed_loads.load_id
            and listed_loads.change_number <= {{ newest_change_of_calls() }}
    where listed_loads.load_id is null

),

-- Calls that a fact may have. One that was listed and has gone since may be missing in fct_calls, and not in others.
known as (

    select call_id
    from {{ known_calls or 'changed' }}

    {%- if known_calls %}

        union all

        select call_id
        from {{ this }}
        where not is_gone
    {%- endif %}

),

listed as (

    select
        call_id,
        false as is_gone
    from changed

    union distinct

    select
        known.call_id,
        true as is_gone
    from known
    left join {{ ref('stg_ccaip__calls') }} as calls on known.call_id = calls.call_id
    where calls.call_id is null

)

select
    call_id,
    is_gone,
    {{ as_bigint(newest_change_of_calls() ~ ' + 1') }} as change_number
from listed
where {{ 'true' if known_calls else 'false' }}
