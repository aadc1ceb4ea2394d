"""Runs dbt over what landed: raw tables → staging → marts, and every test on the way.

dbt runs as a process of its own, by this interpreter: it leaves nothing behind in ours (flags, log
handlers, an open DuckDB file that would keep the next load out), and a scheduler's PATH has no say in which
dbt that is. It ends with us, also when we are killed: left to itself it would go on and hold the warehouse,
and the next run would be locked out by nobody. What it compiles and logs goes below the home. It tells its
progress as JSON events, one a line; the verdict of each node is then read from its `run_results.json`.

Alone: `callmart transform`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.errors import TransformError
from pipelines.home import REPOSITORY, Home
from pipelines.logs import lines_to
from pipelines.progress import Progress
from pipelines.settings import Settings
from pipelines.steps import reached

PROJECT_DIR = REPOSITORY / "dbt_project"
RAW_SCHEMA = "ccaip"
PARSED = "partial_parse.msgpack"
"""The file in dbt's target folder in which it keeps the parsed project: nothing of any warehouse."""
_DBT = (sys.executable, "-c", "from pipelines.marts.dbt_process import main; main()")
_FAILED = ("error", "fail", "runtime error")
_SHOWN_FAILURES = 8
_SECRET_SETTINGS = ("SOURCES__", "PRIVACY__")  # the API's token and the key are none of dbt's business


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
    select: Sequence[str] = (),
    with_tests: bool = True,
) -> TransformReport:
    """Build and test the marts in `settings.warehouse`.

    `full_refresh` rebuilds the incremental facts from all raw rows; `select` limits the build to nodes
    in dbt's own selection syntax, and to their tests; without `with_tests` none is run. Warnings are
    collected in the report; any failed model or test raises `TransformError`, which names it. Models that
    passed before it are built all the same.
    """
    if not settings.warehouse.exists():
        raise TransformError(
            f"There is no warehouse at {settings.warehouse} yet, so there is nothing to transform.",
            "Load calls first: `callmart load`, or `callmart run` for both steps.",
        )
    started = time.monotonic()
    log = home.dbt_log_dir / "dbt.log"
    results_file = home.dbt_target_dir / "run_results.json"
    results_file.unlink(missing_ok=True)  # an older run's verdict must not be taken for this one's
    events = _Events()
    with progress.stage("build marts", unit="dbt nodes") as stage, lines_to(log) as keep, _dbt(
        home, settings, _arguments(home, settings, full_refresh, select, with_tests)
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            keep(line)
            node, total = events.read(line)
            if total:
                stage.expect(total)
            if node:
                stage.advance()
                stage.note(node)
                reached("dbt")
        process.wait()
        results = json.loads(results_file.read_text())["results"] if results_file.exists() else []
        failed = [result for result in results if result["status"] in _FAILED]
        if process.returncode or failed:
            raise _failure(failed, results, events, settings, log)
    return TransformReport(
        nodes=dict(Counter(result["unique_id"].split(".")[0] for result in results)),
        warnings=tuple(
            f"{_name(result)}: {result['message']}" for result in results if result["status"] == "warn"
        ),
        seconds=time.monotonic() - started,
        log=log,
    )


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """What dbt and its kin may know of an environment."""
    return {name: value for name, value in environment.items() if not name.startswith(_SECRET_SETTINGS)}


def dbt_variables(reporting_timezone: str = "UTC") -> dict[str, str]:
    """What dbt is told. It parses all again when a word of it has changed."""
    return {"reporting_timezone": reporting_timezone, "raw_schema": RAW_SCHEMA}


def dbt_environment(warehouse: Path, folder: Path) -> dict[str, str]:
    """The environment of a dbt that works on `warehouse` and runs in `folder`: ours, without secrets."""
    return without_secrets(os.environ) | {
        "CALLMART_DUCKDB_PATH": _seen_from(folder, warehouse),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def _arguments(
    home: Home, settings: Settings, full_refresh: bool, select: Sequence[str], with_tests: bool
) -> list[str]:
    arguments = [
        # the folder is this home's own: what was parsed there before is parsed again where it changed
        "--partial-parse",
        # unit tests hold models against made-up rows: they are the tests' matter, not each run's; saved queries
        # are MetricFlow's
        *("build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "saved_query"),
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
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


@contextmanager
def _dbt(home: Home, settings: Settings, arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A running dbt that does not outlive the block."""
    with subprocess.Popen(
        [*_DBT, *arguments],
        cwd=home.dbt_target_dir,
        env=dbt_environment(settings.warehouse, home.dbt_target_dir),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


def _seen_from(folder: Path, file: Path) -> str:
    """The file's path relative to a folder in which dbt runs.

    dbt parses all again when a word of its profile has changed; so a home may be moved or copied without.
    """
    return os.path.relpath(file.parent.resolve() / file.name, folder.resolve())


@dataclass
class _Events:
    """What dbt says while it runs: JSON events, and whatever else a crash puts on its output."""

    errors: list[str] = field(default_factory=list)
    other: deque[str] = field(default_factory=lambda: deque(maxlen=15))

    def read(self, line: str) -> tuple[str, int]:
        """The node that has just finished ("" for any other event), and how many nodes there are."""
        try:
            event: dict[str, Any] = json.loads(line)
            info, data = event["info"], event["data"]
        except (ValueError, KeyError, TypeError):
            self.other.append(line.rstrip())
            return "", 0
        if info["level"] == "error":
            self.errors.append(info["msg"].strip())
        total = data.get("total") or data.get("num_models") or 0
        if not data.get("index") or not data.get("node_info") or info["name"] == "LogStartLine":
            return "", total
        return data["node_info"]["node_name"], total


def _name(result: dict[str, Any]) -> str:
    """`model agg_queue_intervals`: dbt's id without the project's name and the test's hash."""
    kind, _, *rest = result["unique_id"].split(".")
    return f"{kind} {rest[0]}"


def _failure(
    failed: list[dict[str, Any]],
    results: list[dict[str, Any]],
    events: _Events,
    settings: Settings,
    log: Path,
) -> TransformError:
    """The error that names what failed, or, when dbt did not get that far, what it said last."""
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
        said = events.errors or list(events.other) or ["it ended without a word"]
        problem = "dbt could not run: " + "\n".join(said)
    mend = f"The raw tables are whole. The whole story is in {log}."
    if "Could not set lock on file" in problem:
        mend = f"Another program has {settings.warehouse} open; close it and run `callmart transform`."
    return TransformError(problem, mend)
