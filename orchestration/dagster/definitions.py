"""The definitions that Dagster loads, for the home of this process."""

from __future__ import annotations

import dagster as dg
from dagster_dbt import DbtCliResource

from orchestration.dagster.commands import Retries
from orchestration.dagster.marts import (
    CallmartTranslator,
    dbt_resource,
    exposures,
    mart_assets,
    parsed_project,
    published_asset,
    reach_checks,
)
from orchestration.dagster.raw import api_asset, raw_assets
from orchestration.dagster.schedules import (
    HALF_HOURLY,
    NIGHTLY,
    failure_sensor,
    reconcile_job,
    run_job,
    run_schedule,
)
from pipelines.home import Home
from pipelines.logs import log_to
from pipelines.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    """All of callmart. Points this process at the home, as every command does."""
    home = Home.find()
    home.activate()
    log_to(home, verbose=False)
    return definitions_of(home, Retries(), dbt_resource())


def definitions_of(home: Home, retries: Retries, dbt: DbtCliResource) -> dg.Definitions:
    """All of callmart in the home, which is activated."""
    settings = load_settings(home, need_api=False)
    manifest, translator = parsed_project(home, settings, dbt), CallmartTranslator()
    steps = [raw_assets(settings), mart_assets(manifest, translator)]
    if settings.destination == "duckdb":
        steps.append(published_asset(manifest, translator))
    freshness = reach_checks(home, manifest, translator)
    freshness_job = dg.define_asset_job("freshness", selection=dg.AssetSelection.checks(freshness))
    run = run_job(*steps)
    return dg.Definitions(
        assets=[api_asset(settings), *steps, *exposures(manifest, translator)],
        asset_checks=[freshness],
        jobs=[run, reconcile_job, freshness_job],
        schedules=[
            run_schedule(run),
            dg.ScheduleDefinition(name="nightly", job=reconcile_job, cron_schedule=NIGHTLY),
            dg.ScheduleDefinition(name="half_hourly", job=freshness_job, cron_schedule=HALF_HOURLY),
        ],
        sensors=[failure_sensor(home)],
        resources={"dbt": dbt, "retries": retries},
        executor=dg.in_process_executor,  # one process a run: callmart works one step at a time anyway
    )
