"""dbt inside this process: many builds for the price of one parse.

A dbt process of its own spends six seconds of CPU on imports and on reading what was parsed before it builds
anything. Tests that build the marts again and again, of other rows or of altered SQL, keep the project instead: every
workshop of a process has the same.
What a dbt process of its own does is seen by the tests of `callmart transform` and of all that runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from pipelines.marts.build import dbt_variables
from tests.asking import ask
from tests.marts.project import invoke, manifest

WAREHOUSE = "callmart.duckdb"
"""The name of every database: relations are named with their catalog, which is the file's stem."""

_SUCCEEDED = ("success", "pass", "warn", "skipped")


class WorkshopError(AssertionError):
    """dbt could not do what was asked; its own messages."""


class Workshop:
    """One parsed project, and builds of any database with it. Not for threads: dbt's state is the process's."""

    def __init__(self, work: Path, time_zone: str = "UTC") -> None:
        """Take the project as it was parsed for all tests. `work` takes what dbt writes; `time_zone` is the
        reporting zone. `variables` may be changed between builds: a node is compiled when it is built.
        """
        self.variables: dict[str, Any] = dict(dbt_variables(time_zone))
        self._work = work
        (work / "target").mkdir(parents=True)

    @property
    def manifest(self) -> Manifest:
        """The parsed project, one for this process. What is altered in it (`raw_code`, `macro_sql`) is built
        from the next build on; whoever alters it puts it back.
        """
        return manifest()

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

    def _invoke(self, database: Path, *command: str) -> dbtRunnerResult:
        if Path(database).name != WAREHOUSE:
            raise ValueError(f"the database must be called {WAREHOUSE}, not {database}")
        words = ("--no-write-json", *command)
        return invoke(str(database), self._work, self.variables, *words, project=self.manifest)


def _selection(select: Sequence[str]) -> list[str]:
    return ["--select", *select] if select else []


def _has_seeds(database: Path) -> bool:
    query = "select count(*) from duckdb_tables() where schema_name = 'seeds'"
    return ask(database, query) != [(0,)]
