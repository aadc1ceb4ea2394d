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

-- Gone: a fact may still have them. What is listed counts too, because fct_calls may have missed it.
known as (

    {% for relation in relations_with_calls() -%}
        select call_id
        from {{ relation }}
        union all
    {% endfor -%}
    select call_id
    from changed
    where false

),

gone as (

    select known.call_id
    from known
    left join {{ ref('stg_ccaip__calls') }} as calls on known.call_id = calls.call_id
    where calls.call_id is null

),

listed as (

    select call_id
    from changed

    union distinct

    select call_id
    from gone

)

select
    call_id,
    {{ as_bigint(newest_change_of_calls() ~ ' + 1') }} as change_number
from listed
where {{ 'true' if is_increment() else 'false' }}
