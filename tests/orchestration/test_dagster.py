"""A load under Dagster that goes past callmart's lock, ledger or privacy, is tried again in vain, or fails unheard.

One deployment lives through this module: nothing there yet, a scheduled run, backfills, failures.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.errors import ApiError, CallmartError, ConfigurationError, QualityError, TransformError
from pipelines.home import REPOSITORY
from pipelines.lock import locked
from pipelines.runs import read_runs
from pipelines.settings import load_settings
from pipelines.status import Status, read_status
from tests.orchestration.conftest import PRIVACY_KEY, Deployment, dg
from tests.queries import ask
from tests.tenant import TOKEN, USER

pytestmark = pytest.mark.slow

TODAY = f"{datetime.now(UTC):%Y-%m-%d}"
"""The partition of what is new; the platform's days are long over."""
MART = "mart_publication"


def staged() -> Any:
    return dg.AssetKey(["staging", "stg_ccaip__calls"])


def raw_keys() -> list[Any]:
    from orchestration.dagster.raw import raw_specs

    return [spec.key for spec in raw_specs()]


def mart_keys(deployment: Deployment) -> list[Any]:
    """The mart, and all that dbt makes on the way to it."""
    return [
        key
        for key in before(deployment, dg.AssetKey(["marts", MART]))
        if key.path[0] not in ("ccaip", "ccai_platform")
    ]


def before(deployment: Deployment, key: Any) -> set[Any]:
    """The asset and all that it is made from."""
    graph = deployment.definitions.resolve_asset_graph()
    found, waiting = set(), [key]
    while waiting:
        if (each := waiting.pop()) not in found:
            found.add(each)
            waiting += graph.get(each).parent_keys
    return found


def status(deployment: Deployment) -> Status:
    return read_status(deployment.home, load_settings(deployment.home, need_api=False))


def failure(result: Any) -> Any:
    """How a run's only failed step failed, with what callmart says about it."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data.user_failure_data


def tell(deployment: Deployment, result: Any) -> None:
    """What the sensor does about a run that has failed."""
    sensor = deployment.definitions.resolve_sensor_def("alert")
    (event,) = [event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE"]
    context = dg.build_run_status_sensor_context(
        sensor_name="alert",
        dagster_instance=deployment.instance,
        dagster_run=result.dagster_run,
        dagster_event=event,
    )
    sensor(context.for_run_failure())


def tick_at(deployment: Deployment, now: datetime) -> Any:
    repository = deployment.definitions.get_repository_def()
    return dg.build_schedule_context(
        instance=deployment.instance, scheduled_execution_time=now, repository_def=repository
    )


# --- definitions ----------------------------------------------------------------------------------


def test_definitions_load(deployment) -> None:
    dg.Definitions.validate_loadable(deployment.definitions)
    assert {job.name for job in deployment.definitions.resolve_all_job_defs()} >= {
        "run",
        "reconcile",
        "freshness",
    }


def test_no_table_that_dbt_reads_lacks_its_asset_and_no_mart_its_way_back_to_the_api(deployment) -> None:
    graph = deployment.definitions.resolve_asset_graph()
    loaded = set(raw_keys())
    of_dbt = {key for key in graph.get_all_asset_keys() if key.path[0] == "ccaip"}
    assert of_dbt == loaded
    for key in graph.get_all_asset_keys():
        if key.path[0] in ("marts", "exposures", "published_marts"):
            ways = before(deployment, key)
            assert (
                not key.path[-1].startswith(("fct_", "mart_"))
                or dg.AssetKey(["ccai_platform", "calls"]) in ways
            )
    assert before(deployment, dg.AssetKey(["exposures", "dashboard"])) & {dg.AssetKey(["marts", MART])}
    public = {key.asset_key.path[-1] for key in graph.asset_check_keys if key.name == "reach"}
    assert {"mart_service_level", MART} <= public
    assert not any(name.startswith(("fct_", "stg_")) for name in public)


def test_only_what_waits_for_the_warehouse_writes_to_it(deployment) -> None:
    job = deployment.definitions.resolve_job_def("run")
    assert {op.definition.pool for op in job.nodes if op.name in ("load", "transform", "publish")} == {
        "warehouse"
    }
    assert deployment.definitions.resolve_job_def("reconcile").nodes[0].definition.pool == "warehouse"
    concurrency = deployment.instance.get_concurrency_config()
    assert concurrency.pool_config.default_pool_limit == 1


# --- an empty warehouse ---------------------------------------------------------------------------


def test_a_failure_of_dbt_is_not_tried_again(deployment) -> None:
    result = deployment.run("run", staged())
    assert failure(result).metadata["exit_code"].value == 6
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    (run,) = read_runs(deployment.home)
    assert (run.command, run.exit_code) == ("transform", 6)
    deployment.receiver.texts.clear()


ERRORS = (ApiError("Down."), CallmartError("A failure."), ValueError("+14155550100"),
          ConfigurationError("A setting."), QualityError("A doubt."), TransformError("dbt."))  # fmt: skip
"""One of each kind; the fourth and later ones no other try mends."""


def test_only_what_another_try_can_mend_is_tried_again(deployment) -> None:
    from orchestration.dagster.commands import Retries, steps

    tried: Counter[str] = Counter()

    def failing(error: Exception) -> Any:
        name = type(error).__name__

        @dg.op(name=name, out=dg.Out(dg.Nothing, is_required=False))
        def step(context) -> Iterator[Any]:
            def body(work: Any) -> Iterator[Any]:
                tried[name] += 1
                raise error
                yield

            yield from steps(context, "publish", body, retries=Retries(most=1, wait_seconds=0))

        return step

    @dg.job
    def job() -> None:
        for error in ERRORS:
            failing(error)()

    result = job.execute_in_process(instance=deployment.instance, raise_on_error=False)
    codes = {
        event.step_key: event.step_failure_data.user_failure_data.metadata["exit_code"].value
        for event in result.all_events
        if event.is_step_failure
    }
    assert [codes[type(error).__name__] for error in ERRORS] == [3, 1, 1, 2, 5, 6]
    assert [tried[type(error).__name__] for error in ERRORS] == [2, 2, 2, 1, 1, 1]
    assert "+14155550100" not in "".join(map(str, deployment.instance.all_logs(result.run_id)))


# --- a scheduled run ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scheduled(deployment: Deployment) -> Any:
    """What the schedule asked for, and what became of it."""
    schedule = deployment.definitions.resolve_schedule_def("every_15_minutes")
    now = datetime.now(UTC)
    tick = tick_at(deployment, now)
    (request,) = schedule.evaluate_tick(tick).run_requests
    keys = [*raw_keys(), *mart_keys(deployment), dg.AssetKey("published_marts")]
    return deployment.run("run", *keys, partition=request.partition_key)


def test_a_tick_loads_builds_checks_and_publishes(scheduled, deployment) -> None:
    assert scheduled.success
    made = {event.asset_key.path[-1]: event for event in scheduled.get_asset_materialization_events()}
    assert {"calls", "transfers", "_dlt_loads", "stg_ccaip__calls", MART, "published_marts"} <= made.keys()
    checks = {
        (check.asset_key.path[-1], check.check_name): check
        for check in scheduled.get_asset_check_evaluations()
    }
    assert checks["calls", "complete"].passed
    assert any(mart == MART and name != "reach" for mart, name in checks)
    assert all(check.passed for (_, name), check in checks.items() if name != "reach")
    assert [(run.command, run.exit_code) for run in read_runs(deployment.home)[1:]] == [
        ("load", 0),
        ("transform", 0),
    ]


def test_row_counts_and_columns_are_those_of_the_warehouse(scheduled, deployment) -> None:
    made = {
        event.asset_key.path[-1]: event.materialization.metadata
        for event in scheduled.get_asset_materialization_events()
        if event.asset_key.path[0] == "ccaip"
    }
    landed = status(deployment)
    counts = {name: made[name]["dagster/row_count"].value for name in landed.landed.rows}
    assert counts == landed.landed.rows
    assert made["calls"]["calls"].value == landed.landed.rows["calls"] > 0
    columns = {column.name: column for column in made["calls"]["dagster/column_schema"].value.columns}
    assert "BIGINT" in columns["id"].type
    assert "privacy" in columns["email"].description
    assert landed.trust.windows > 0
    assert landed.trust.open_windows == {}
    assert landed.fresh.tail_until == datetime.fromtimestamp(made["calls"]["loaded_until"].value, UTC)


def test_a_run_of_today_does_not_make_old_calls_fresh(scheduled, deployment) -> None:
    reach = [check for check in scheduled.get_asset_check_evaluations() if check.check_name == "reach"]
    assert reach
    assert not any(check.passed for check in reach)
    until = status(deployment).fresh.tail_until
    assert until and until < datetime.now(UTC) - timedelta(days=1)
    assert reach[0].metadata["data_until"].value == until.timestamp()


def test_neither_dbt_nor_dagster_has_what_is_secret_or_personal(scheduled, deployment) -> None:
    names = set(deployment.seen.read_text().split())
    assert "CALLMART_DUCKDB_PATH" in names
    assert not [name for name in names if name.startswith(("SOURCES__", "PRIVACY__", "ALERTS__"))]
    kept = b"".join(
        file.read_bytes() for file in (deployment.folder / "instance").rglob("*") if file.is_file()
    )
    assert len(kept) > 100_000
    settings = load_settings(deployment.home, need_api=False)
    with httpx.Client(auth=(USER, TOKEN)) as client:
        calls = client.get(f"{settings.base_url}/manager/api/v1/calls").json()
    personal = {call["end_user"]["identifier"] for call in calls if call["end_user"]}
    assert len(personal) > 20
    assert not [secret for secret in (PRIVACY_KEY, TOKEN, *personal) if secret.encode() in kept]


def test_a_tick_waits_for_the_last_run(scheduled, deployment) -> None:
    @dg.op
    def wait() -> None: ...

    @dg.job(name="run")
    def run() -> None:
        wait()

    waiting = deployment.instance.create_run_for_job(run, status=dg.DagsterRunStatus.STARTED)
    schedule = deployment.definitions.resolve_schedule_def("every_15_minutes")
    now = tick_at(deployment, datetime.now(UTC))
    tick = schedule.evaluate_tick(now)
    assert not tick.run_requests
    assert tick.skip_message
    deployment.instance.delete_run(waiting.run_id)


# --- backfills ------------------------------------------------------------------------------------


def test_a_failed_backfill_is_told_once_and_the_next_good_one_loads_its_day_and_moves_no_cursor(
    scheduled, deployment, monkeypatch
) -> None:
    before, texts = status(deployment), deployment.receiver.texts
    texts.clear()
    with monkeypatch.context() as environment:
        environment.delenv("PRIVACY__KEY")
        for _ in range(2):
            result = deployment.run("run", *raw_keys(), partition="2026-03-03")
            assert failure(result).metadata["exit_code"].value == 2
            tell(deployment, result)
    assert texts == ["`callmart backfill` ended with exit code 2: a setting is wrong. See `callmart status`."]
    result = deployment.run("run", *raw_keys(), partition="2026-03-03")
    assert result.success
    assert texts[1:] == ["`callmart backfill` works again."]
    made = {event.asset_key.path[-1]: event for event in result.get_asset_materialization_events()}
    assert made["calls"].partition == "2026-03-03"
    assert 0 < made["calls"].materialization.metadata["calls"].value < before.landed.rows["calls"]
    after = status(deployment)
    assert after.fresh.tail_until == before.fresh.tail_until
    assert after.landed.rows["calls"] == before.landed.rows["calls"]
    assert backfilled(deployment) == [(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))]


def backfilled(deployment: Deployment) -> list[tuple[Any, ...]]:
    query = """
        select min(window_from), max(window_until) from ccaip.load_windows
        where why = 'backfill' and verdict = 'complete' group by load_id order by 1
    """
    return ask(deployment.home.warehouse, query)


def test_a_backfill_of_three_days_is_one_run(scheduled, deployment) -> None:
    load = deployment.definitions.resolve_assets_def(raw_keys()[0])
    assert load.backfill_policy == dg.BackfillPolicy.single_run()
    days = ["2026-03-02", "2026-03-03", "2026-03-04"]
    # what Dagster starts for a backfill under this policy
    tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    result = deployment.run("run", *raw_keys(), tags=tags)
    assert result.success
    made = [
        event.partition
        for event in result.get_asset_materialization_events()
        if event.asset_key == raw_keys()[0]
    ]
    assert made == days
    assert (datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)) in backfilled(deployment)


# --- another callmart, failures -------------------------------------------------------------------


def test_a_run_that_another_callmart_keeps_out_is_skipped(scheduled, deployment) -> None:
    runs = read_runs(deployment.home)
    with locked(deployment.home, "load"):
        result = deployment.run("run", *raw_keys(), staged(), partition=TODAY)
    assert result.success
    assert result.get_asset_materialization_events() == []
    assert "transform" in {event.step_key for event in result.get_step_skipped_events()}
    assert read_runs(deployment.home) == runs


def test_a_load_that_fails_is_told_by_callmart_and_not_again_by_the_sensor(
    scheduled, deployment, monkeypatch
) -> None:
    texts = deployment.receiver.texts
    texts.clear()
    monkeypatch.delenv("PRIVACY__KEY")
    result = deployment.run("run", *raw_keys(), staged(), partition=TODAY)
    assert not result.success
    assert result.get_asset_materialization_events() == []
    told = [text for text in texts if "`callmart load`" in text]
    tell(deployment, result)
    assert len(told) == 1
    assert [text for text in texts if "`callmart load`" in text] == told


def test_reconcile_says_what_it_found(scheduled, deployment) -> None:
    result = deployment.run("reconcile")
    assert result.success
    (event,) = result.get_asset_observation_events()
    metadata = event.asset_observation_data.asset_observation.metadata
    assert metadata["missing"].value == metadata["stale"].value == 0
    assert read_runs(deployment.home)[-1].command == "reconcile"


def test_a_load_that_is_stopped_from_outside_is_recorded_as_such_and_started_again(
    scheduled, deployment
) -> None:
    words = ("asset", "materialize", "--select", "group:raw", "--partition", TODAY)
    process = subprocess.Popen(
        [Path(sys.executable).with_name("dagster"), *words, "-m", "orchestration.dagster.definitions"],
        cwd=REPOSITORY,
        env=os.environ | {"SOURCES__CCAIP__REQUESTS_PER_SECOND": "0.2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout
        said = ""
        while "load calls: started" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGTERM)
        said += process.stdout.read()
    assert (read_runs(deployment.home)[-1].command, read_runs(deployment.home)[-1].exit_code) == ("load", 143)
    run = deployment.instance.get_runs(limit=1)[0]
    assert run.is_failure
    assert run.tags["dagster/will_retry"] == "true"  # for the daemon, which is not running here
