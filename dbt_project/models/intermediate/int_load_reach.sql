-- One row: up to when the data reach. By the ledger, whose windows end by the API's clock; a warehouse
-- without one is judged by when its newest load was complete. Never by the calls: one may be dated in the future.
select
    coalesce(
        (select max(stretch_until) from {{ ref('int_loaded_stretches') }}),
        (select max(inserted_at) from {{ ref('stg_ccaip__loads') }})
    ) as reached_at
