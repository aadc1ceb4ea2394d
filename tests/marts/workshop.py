"""dbt inside this process: many builds for the price of one parse.

A dbt process of its own spends six seconds of CPU on imports and on reading what was parsed before it builds
anything. Tests that build the marts again and again, of other rows or of altered SQL, keep the project instead: every
workshop of a process has the same.
What a dbt process of its own does is seen by the tests of `callmart transform` and of all that runs it.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import reset_adapters
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import BaseEvent
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import cleanup_event_logger

from pipelines.home import Home
from pipelines.transform import PARSED, PROJECT_DIR, dbt_variables
from tests.shared import parse_of

WAREHOUSE = "callmart.duckdb"
"""The name of every database: relations are named with their catalog, which is the file's stem."""

_SUCCEEDED = ("success", "pass", "warn", "skipped")


class WorkshopError(AssertionError):
    """dbt could not do what was asked; its own messages."""


class Workshop:
    """One parsed project, and builds of any database with it. Not for threads: dbt's state is the process's."""

    _parsed: ClassVar[Manifest | None] = None

    def __init__(self, work: Path, time_zone: str = "UTC") -> None:
        """Take the project as it was parsed for all tests. `work` takes what dbt writes; `time_zone` is the
        reporting zone. `variables` may be changed between builds: a node is compiled when it is built.
        """
        self.variables: dict[str, Any] = dict(dbt_variables())
        self._work = work
        (work / "target").mkdir(parents=True)
        if Workshop._parsed is None:
            home = Home(parse_of())
            shutil.copy(home.dbt_target_dir / PARSED, work / "target")
            # by the words it was parsed with, or dbt parses all again: a quarter of a minute
            database = os.path.relpath(home.warehouse, home.dbt_target_dir)
            Workshop._parsed = self._invoke(database, "--partial-parse", "parse").result
            gc.freeze()  # a great many objects that stay: no use in walking them again and again
        self.variables |= dbt_variables(time_zone)

    @property
    def manifest(self) -> Manifest:
        """The parsed project, one for this process. What is altered in it (`raw_code`, `macro_sql`) is built
        from the next build on; whoever alters it puts it back.
        """
        assert Workshop._parsed is not None
        return Workshop._parsed

    def build(self, database: Path, *, full_refresh: bool = False, select: Sequence[str] = ()) -> None:
        """Build models, and seeds where the database has none yet; tests are left out.

        `select` is dbt's selection syntax. Seeds that are there stay as they are, edited ones too. Raises
        `WorkshopError` with dbt's words when a node fails.
        """
        kinds = ["model"] if _has_seeds(database) else ["model", "seed"]
        arguments = [word for kind in kinds for word in ("--resource-type", kind)]
        arguments += ["--full-refresh"] if full_refresh else []
        outcome = self._invoke(database, "build", *arguments, *_selection(select))
        failed = {
            result.node.name: result.message
            for result in getattr(outcome.result, "results", ())
            if result.status not in _SUCCEEDED
        }
        if failed or not outcome.success:
            raise WorkshopError(f"dbt failed: {failed or outcome.exception}")

    def run(self, database: Path, *command: str) -> dbtRunnerResult:
        """Any other command of dbt's, and how it ended: its success, and in its result those of the nodes."""
        outcome = self._invoke(database, *command)
        if outcome.exception is not None:
            raise WorkshopError(f"dbt failed: {outcome.exception}")
        return outcome

    def failing_tests(
        self, database: Path, select: Sequence[str] = (), *, unit: bool = False
    ) -> dict[str, str]:
        """Names of the data tests, or the unit tests, that fail at error severity, with dbt's message."""
        arguments = ("--resource-type", "unit_test" if unit else "test", *_selection(select))
        results = self.run(database, "test", *arguments).result.results
        return {result.node.name: result.message for result in results if result.status not in _SUCCEEDED}

    def _invoke(self, database: Path | str, *command: str) -> dbtRunnerResult:
        if Path(database).name != WAREHOUSE:
            raise ValueError(f"the database must be called {WAREHOUSE}, not {database}")
        with _alone(str(database)):
            return dbtRunner(manifest=Workshop._parsed).invoke(
                [
                    *("--quiet", "--log-level", "none", "--log-level-file", "none", "--no-write-json"),
                    *command,
                    *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
                    *("--target-path", str(self._work / "target"), "--log-path", str(self._work / "logs")),
                    # A node is Python more than SQL: a second thread gains nothing.
                    *("--threads", "1", "--vars", dumps(self.variables)),
                ]
            )


def _selection(select: Sequence[str]) -> list[str]:
    return ["--select", *select] if select else []


def _has_seeds(database: Path) -> bool:
    with duckdb.connect(str(database), read_only=True) as connection:
        query = "select count(*) from information_schema.tables where table_schema = 'seeds'"
        return connection.execute(query).fetchall() != [(0,)]


@contextmanager
def _alone(database: str) -> Iterator[None]:
    """dbt's process-wide state, for the block alone: the file is free again afterwards, and so is stdout."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CALLMART_DUCKDB_PATH", database)
        # Nobody listens to dbt's events here, and making them is a sixth of a build.
        environment.setattr(BaseEvent, "__init__", lambda *_, **__: None)
        environment.setattr(EventManager, "fire_event", lambda *_, **__: None)
        try:
            yield
        finally:
            reset_adapters()
            DuckDBConnectionManager.close_all_connections()
            cleanup_event_logger()
