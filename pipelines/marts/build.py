"""Build the marts with dbt: raw tables → staging → marts, and their data tests.

dbt runs in its own process (`dbt_runner`) and logs one JSON event per line. Progress comes from the events, results come
from dbt's `run_results.json`. Everything dbt writes goes below the home.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.errors import TransformError
from pipelines.home import Home
from pipelines.logs import lines_to
from pipelines.marts.dbt_runner import (
    PROJECT_DIR,
    dbt_environment,
    dbt_variables,
    project_of,
    started,
)
from pipelines.marts.last_build import Sources, forget_build, limits_of_tests, record_build, sources_of
from pipelines.progress import Progress
from pipelines.settings import Settings
from pipelines.steps import reached
from pipelines.warehouse.connect import exists, writing

FAILED = ("error", "fail", "runtime error")
"""The statuses of a failed node in dbt's `run_results.json`."""

# unit tests are run by `make test`; saved queries belong to MetricFlow; exposures are nothing to build
NOT_BUILT = tuple(
    word for kind in ("unit_test", "saved_query", "exposure") for word in ("--exclude-resource-type", kind)
)
"""Options of `dbt build` that leave out what a build of the marts is not for."""

_SHOWN_FAILURES = 8
_STARTING = "starting dbt"
_PARSING = "parsing the project"


@dataclass(frozen=True)
class TransformReport:
    """What dbt built. `nodes` counts by kind (`model`, `seed`, `test`); `seconds` of wall time."""

    nodes: dict[str, int]
    warnings: tuple[str, ...]
    seconds: float
    log: Path

    @property
    def models(self) -> int:
        return self.nodes.get("model", 0)

    @property
    def tests(self) -> int:
        return self.nodes.get("test", 0)


def transform(
    home: Home,
    settings: Settings,
    progress: Progress,
    full_refresh: bool = False,
    all_tests: bool = False,
    select: Sequence[str] = (),
    with_tests: bool = True,
    sources: Sources | None = None,
) -> TransformReport:
    """Build and test the marts in the warehouse of `settings`.

    `full_refresh` rebuilds the incremental facts from all raw rows; `select` limits the build to nodes
    in dbt's selection syntax and their tests; with `with_tests=False` no tests are run. `sources` is what the marts are
    built from, if the caller knows.

    Data tests look at the rows of the days that this build touches, if the build before it succeeded with the same
    definitions, and neither `full_refresh` nor `all_tests` is asked for. Otherwise they look at all rows.

    The report has the warnings. A failed model or test raises `TransformError`, which names it; other models are still
    built. Raises `LockedError` while another process writes the warehouse.
    """
    if not exists(settings):
        raise TransformError(
            f"There is nothing in {settings.warehouse_name} yet, so there is nothing to transform.",
            "Load calls first: `callmart load`, or `callmart run` for both steps.",
        )
    begun = time.monotonic()
    sources = sources or sources_of(home, settings)
    environment = dbt_environment(settings, home.dbt_target_dir) | limits_of_tests(
        home, sources, everything=full_refresh or all_tests
    )
    forget_build(home)
    log = home.dbt_log_dir / "dbt.log"
    results_file = home.dbt_target_dir / "run_results.json"
    results_file.unlink(missing_ok=True)  # of an earlier run
    events = _Events()
    with (
        # dbt opens a DuckDB file itself; two builds of one Postgres would replace each other's rows
        writing(settings) if settings.destination == "postgres" else nullcontext(),
        progress.stage("build marts", unit="dbt nodes") as stage,
        lines_to(log) as keep,
    ):
        stage.note(_STARTING)
        with started(
            "dbt",
            _arguments(home, settings, full_refresh, select, with_tests),
            home.dbt_target_dir,
            environment,
            subprocess.PIPE,
        ) as process:
            for line in process.stdout or ():
                keep(line)
                event = events.read(line)
                if event.total:
                    stage.expect(event.total)
                if event.node:
                    stage.advance()
                    reached("dbt")
                if event.note:
                    stage.note(event.note)
            process.wait()
        results = json.loads(results_file.read_text())["results"] if results_file.exists() else []
        failed = [result for result in results if result["status"] in FAILED]
        if process.returncode or failed:
            raise _failure(failed, results, events, settings, log)
        if not results:
            raise _nothing_built(select, log)
    if sources and with_tests and not select:
        record_build(home, sources)
    return TransformReport(
        nodes=dict(Counter(result["unique_id"].split(".")[0] for result in results)),
        warnings=tuple(
            f"{_name(result)}: {result['message']}" for result in results if result["status"] == "warn"
        ),
        seconds=time.monotonic() - begun,
        log=log,
    )


def _arguments(
    home: Home, settings: Settings, full_refresh: bool, select: Sequence[str], with_tests: bool
) -> list[str]:
    project = project_of(home, PROJECT_DIR)
    arguments = [
        *("--log-format", "json", "--log-level", "info", "--log-level-file", "none", "--no-use-colors"),
        "--partial-parse",
        "build",
        *NOT_BUILT,
        *("--project-dir", str(project), "--profiles-dir", str(project)),
        *("--target-path", str(home.dbt_target_dir), "--log-path", str(home.dbt_log_dir)),
        *("--vars", json.dumps(dbt_variables(settings.reporting_timezone))),
    ]
    if not with_tests:
        arguments += ["--exclude-resource-type", "test"]
    if full_refresh:
        arguments.append("--full-refresh")
    if select:
        arguments += ["--select", *select]
    return arguments


@dataclass(frozen=True)
class _Event:
    """One line of dbt's output: the node that finished, the number of nodes, and a note to show."""

    node: str = ""
    total: int = 0
    note: str = ""


@dataclass
class _Events:
    """dbt's JSON log; `other` has the lines that are not JSON, such as the traceback of a crash."""

    errors: list[str] = field(default_factory=list)
    other: deque[str] = field(default_factory=lambda: deque(maxlen=15))

    def read(self, line: str) -> _Event:
        try:
            event: dict[str, Any] = json.loads(line)
            info, data = event["info"], event["data"]
        except (ValueError, KeyError, TypeError):
            self.other.append(line.rstrip())
            return _Event()
        if info["level"] == "error":
            self.errors.append(info["msg"].strip())
        if info["name"] == "MainReportVersion":
            return _Event(note=_PARSING)
        total = data.get("total") or data.get("num_models") or 0
        if not data.get("index") or not data.get("node_info") or info["name"] == "LogStartLine":
            return _Event(total=total)
        node = data["node_info"]["node_name"]
        return _Event(node, total, note=node)


def _name(result: dict[str, Any]) -> str:
    """`model agg_queue_intervals`: dbt's id without the project's name and the test's hash."""
    kind, _, *rest = result["unique_id"].split(".")
    return f"{kind} {rest[0]}"


def _nothing_built(select: Sequence[str], log: Path) -> TransformError:
    """The error for a build without nodes, which dbt itself reports as a success."""
    asked = f" Nothing matches the selection {' '.join(select)}." if select else ""
    return TransformError(f"dbt built nothing.{asked}", f"See dbt's log: {log}.")


def _failure(
    failed: list[dict[str, Any]],
    results: list[dict[str, Any]],
    events: _Events,
    settings: Settings,
    log: Path,
) -> TransformError:
    """An error that names the failed nodes or, if dbt ran none, its last messages."""
    if failed:
        shown = [
            f"  {_name(result)}: {' '.join((result['message'] or '').split())}"
            for result in failed[:_SHOWN_FAILURES]
        ]
        if len(failed) > _SHOWN_FAILURES:
            shown.append(f"  … and {len(failed) - _SHOWN_FAILURES} more")
        skipped = sum(result["status"] == "skipped" for result in results)
        problem = f"dbt: {len(failed)} of {len(results)} nodes failed, {skipped} were skipped.\n" + "\n".join(
            shown
        )
    else:
        said = events.errors or list(events.other) or ["it exited without a message"]
        problem = "dbt could not run: " + "\n".join(said)
    mend = f"The raw tables are not affected. See dbt's log: {log}."
    if "Could not set lock on file" in problem:
        mend = f"Another program has {settings.warehouse} open; close it and run `callmart transform`."
    return TransformError(problem, mend)
