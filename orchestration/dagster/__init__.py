"""callmart in Dagster: `dagster dev -m orchestration.dagster.definitions`.

    commands     callmart's commands as steps of a run: lock, record, alerts, exit codes
    raw          the tables ccaip.*, by dagster-dlt: what is new, and backfills by day
    marts        what dbt builds and checks, by dagster-dbt; the published copy; exposures
    schedules    jobs, schedules, the sensor that sends alerts
    definitions  all of it, for the home that CALLMART_HOME names

`dagster.yaml` is for DAGSTER_HOME. See docs/operations.md.
"""
