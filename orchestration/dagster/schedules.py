"""When what runs, and who is told when it fails."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration.dagster.commands import POOL, Retries, steps, tell
from orchestration.dagster.raw import raw_key
from pipelines.cli.console import show_reconcile
from pipelines.cli.context import Work
from pipelines.errors import QualityError
from pipelines.home import Home
from pipelines.warehouse.reconcile import reconcile as compare

EVERY_15_MINUTES = "*/15 * * * *"
NIGHTLY = "40 2 * * *"
HALF_HOURLY = "20,50 * * * *"
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_COMMANDS = {"load": "load", "transform": "transform", "publish": "publish", "compare_and_heal": "reconcile"}
"""callmart's command by the step that runs it."""


def run_job(*assets: dg.AssetsDefinition) -> Any:
    """What `callmart run` does: load what is new, build the marts, publish them."""
    return dg.define_asset_job("run", selection=dg.AssetSelection.assets(*assets))


def run_schedule(job: Any) -> dg.ScheduleDefinition:
    @dg.schedule(job=job, cron_schedule=EVERY_15_MINUTES, name="every_15_minutes")
    def every_15_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """A run of the current day, unless the last one is still waiting or at work."""
        unfinished = dg.RunsFilter(job_name=job.name, statuses=_UNFINISHED)
        if context.instance.get_runs(unfinished, limit=1):
            return dg.SkipReason("The last run has not ended yet.")
        now = context.scheduled_execution_time
        return dg.RunRequest(partition_key=f"{now:%Y-%m-%d}")

    return every_15_minutes


@dg.op(name="compare_and_heal", pool=POOL, out=dg.Out(dg.Nothing, is_required=False))
def reconcile(context: dg.OpExecutionContext, retries: Retries) -> Iterator[Any]:
    """Compare the last days with the API and load what is missing or stale: `callmart reconcile --heal`."""

    def body(work: Work) -> Iterator[Any]:
        report = compare(work.settings, work.home, work.progress, heal=True)
        work.requests = report.requests
        show_reconcile(report)
        found = {
            "missing": len(report.missing),
            "stale": len(report.stale),
            "vanished": len(report.vanished),
            "healed": len(report.healed),
            "requests": report.requests,
        }
        yield dg.AssetObservation(raw_key("calls"), metadata=found)
        if report.problems:
            raise QualityError(" ".join(report.problems), "See `callmart status`.")

    yield from steps(context, "reconcile", body, need_api=True, retries=retries)


@dg.job(name="reconcile")
def reconcile_job() -> None:
    """Whether the warehouse equals the API."""
    reconcile()


def failure_sensor(home: Home) -> dg.SensorDefinition:
    @dg.run_failure_sensor(name="alert", default_status=dg.DefaultSensorStatus.RUNNING)
    def alert(context: dg.RunFailureSensorContext) -> None:
        """Send callmart's alert about a run that failed, once per change of state.

        A command that failed has told of itself already. This is for the others: backfills, publishing, a process that
        died, a run that could not start.
        """
        steps_failed = context.get_step_failure_events()
        if not steps_failed:
            tell(home, "reconcile" if context.dagster_run.job_name == "reconcile" else "load", 1)
        for event in steps_failed:
            command, code = _COMMANDS.get(event.step_key or "", "load"), 1
            told = event.step_failure_data.user_failure_data
            if told is not None:
                command = str(told.metadata["command"].value)
                code = int(told.metadata["exit_code"].value)
            tell(home, command, code)

    return alert
