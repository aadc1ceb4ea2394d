-- One row: up to when data are loaded. From the ledger, whose windows end by the API's clock, or without a ledger from
-- the time of the latest complete load. Not from the calls: one may be dated in the future.
select
    coalesce(
        (select max(stretch_until) from {{ ref('int_loaded_stretches') }}),
        (select max(inserted_at) from {{ ref('stg_ccaip__loads') }})
    ) as reached_at
