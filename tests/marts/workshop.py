"""dbt builds for tests: in this process, through dbt's `dbtRunner`, with a project that is parsed once per session.

dbt parses the project in 15 s and keeps the result in `partial_parse.msgpack`. A session parses it once, in a folder with
a file lock. A home that gets a copy of that file (`parsed`) starts dbt in 3 to 4 s; builds in this process reuse the manifest
and start at once. dbt in its own process is tested by `tests/cli/test_transform.py` and the end-to-end tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult

from pipelines.home import PARSED_PROJECT, Home
from pipelines.marts.dbt_runner import (
    PROJECT_DIR,
    clean_environment,
    dbt_variables,
    duckdb_connection,
    started,
)
from tests.queries import ask
from tests.shared import made_once

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

WAREHOUSE = "callmart.duckdb"
"""The name of every database: relations are named with their catalog, which is the file's stem."""

_PARTIAL_PARSE = ("--partial-parse",)
_SUCCEEDED = ("success", "pass", "warn", "skipped")


class WorkshopError(AssertionError):
    """A dbt command failed; the message is dbt's."""


def parse_of_project() -> Path:
    """The root of a home in which dbt has parsed the project, to copy from."""
    return made_once("parsed project", _parse)


def parsed(home: Home) -> Home:
    """Copy the parsed project to a new home, so that its first `transform` does not need to parse."""
    home.dbt_target_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(Home(parse_of_project()).dbt_target_dir / PARSED_PROJECT, home.dbt_target_dir)
    return home


@cache
def manifest() -> Manifest:
    """The parsed project, one for this process."""
    with TemporaryDirectory() as folder:
        home = parsed(Home(Path(folder)))
        connection = duckdb_connection(home.warehouse, home.dbt_target_dir)
        options = (*_PARTIAL_PARSE, "--no-write-json")
        outcome = invoke(connection, home.dbt_target_dir.parent, dbt_variables(), *options, "parse")
    assert outcome.success, outcome.exception
    return outcome.result  # type: ignore[return-value]


class Workshop:
    """A parsed project, which can build any database. Not thread-safe, because dbt has process-wide state."""

    def __init__(self, work: Path, time_zone: str = "UTC") -> None:
        """dbt writes to `work`; `time_zone` is the reporting zone. `variables` may be changed between builds, because
        nodes are compiled when they are built.
        """
        self.variables: dict[str, Any] = dict(dbt_variables(time_zone))
        self._work = work
        (work / "target").mkdir(parents=True)

    @property
    def manifest(self) -> Manifest:
        """The parsed project, one for this process. A change of `raw_code` or `macro_sql` applies from the next build
        on and must be undone.
        """
        return manifest()

    def build(self, database: Path, *, full_refresh: bool = False, select: Sequence[str] = ()) -> None:
        """Build models, and seeds that do not exist yet, without tests.

        `select` is dbt's selection syntax. Existing seeds are not changed, even if they were edited. Raises `WorkshopError`
        with dbt's messages when a node fails.
        """
        kinds = ["model"] if _has_seeds(database) else ["model", "seed"]
        check_built(self._run(database, "build", *build_options(kinds, full_refresh, select)))

    def run(self, database: Path, *command: str) -> dbtRunnerResult:
        """Run any other dbt command and return its result."""
        outcome = self._run(database, *command)
        if outcome.exception is not None:
            raise WorkshopError(f"dbt failed: {outcome.exception}")
        return outcome

    def failing_tests(
        self, database: Path, select: Sequence[str] = (), *, unit: bool = False
    ) -> dict[str, str]:
        """Names of the data tests, or the unit tests, that fail at error severity, with dbt's message."""
        arguments = ("--resource-type", "unit_test" if unit else "test", *_selection(select))
        results = self.run(database, "test", *arguments).result.results  # type: ignore[union-attr]
        return {result.node.name: result.message for result in results if result.status not in _SUCCEEDED}

    def _run(self, database: Path, *command: str) -> dbtRunnerResult:
        if Path(database).name != WAREHOUSE:
            raise ValueError(f"the database must be called {WAREHOUSE}, not {database}")
        words = ("--no-write-json", *command)
        connection = {"CALLMART_DUCKDB_PATH": str(database)}
        return invoke(connection, self._work, self.variables, *words, project=self.manifest)


def build_options(kinds: Sequence[str], full_refresh: bool, select: Sequence[str]) -> list[str]:
    """The options of `dbt build` for these kinds of nodes."""
    options = [word for kind in kinds for word in ("--resource-type", kind)]
    return [*options, *(["--full-refresh"] if full_refresh else []), *_selection(select)]


def check_built(outcome: dbtRunnerResult) -> None:
    """Raise `WorkshopError` with dbt's messages if a node failed."""
    failed = {
        result.node.name: result.message
        for result in getattr(outcome.result, "results", ())
        if result.status not in _SUCCEEDED
    }
    if failed or not outcome.success:
        raise WorkshopError(f"dbt failed: {failed or outcome.exception}")


def _parse(root: Path) -> None:
    """Parse the project into the home at `root` with the arguments of `transform`, or dbt would not reuse the parse."""
    target = Home(root).dbt_target_dir
    target.mkdir(parents=True)
    environment = clean_environment() | duckdb_connection(Home(root).warehouse, target)
    words = [*_PARTIAL_PARSE, "--quiet", "parse", *_options(target.parent, dbt_variables())]
    with started("dbt", words, target, environment, subprocess.PIPE) as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said


def invoke(
    connection: Mapping[str, str],
    work: Path,
    variables: dict[str, Any],
    *command: str,
    project: Manifest | None = None,
    seen: Callable[[EventMsg], None] | None = None,
) -> dbtRunnerResult:
    """dbt in this process; `connection` is what `profiles.yml` reads, what dbt writes goes below `work`.

    `seen` is called with each event of dbt, which waits for it.
    """
    quiet = ("--quiet", "--log-level", "none", "--log-level-file", "none")
    with _environment(connection):
        return dbtRunner(manifest=project, callbacks=[seen] if seen else []).invoke(
            [*quiet, *command, "--threads", "1", *_options(work, variables)]
        )


def _options(work: Path, variables: dict[str, Any]) -> list[str]:
    return [
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(work / "target"), "--log-path", str(work / "logs")),
        *("--vars", json.dumps(variables)),
    ]


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set the variables for the block, and release a DuckDB file after it."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        # dbt-duckdb keeps the file open until the process ends
        DuckDBConnectionManager.close_all_connections()


def _selection(select: Sequence[str]) -> list[str]:
    return ["--select", *select] if select else []


def _has_seeds(database: Path) -> bool:
    query = "select count(*) from duckdb_tables() where schema_name = 'seeds'"
    return ask(database, query) != [(0,)]
