"""Our dbt project as dbt parses it, once for all tests of a session, and dbt inside this process.

Parsing takes a quarter of a minute of CPU, and so dbt keeps what it parsed in a file. It judges by itself whether
it can use that, and parses again where settings or files differ.
"""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from json import dumps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import reset_adapters
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import BaseEvent
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import cleanup_event_logger

from pipelines.home import REPOSITORY, Home
from pipelines.marts.build import PARSED, PROJECT_DIR, dbt_variables
from tests.marts.quick_dbt import be_quick
from tests.shared import made_once

_PARSED_PROJECT = "parsed project"

be_quick()


def parsed(home: Home) -> Home:
    """Give a new home what dbt makes of our project before it builds."""
    home.dbt_target_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(Home(parse_of_project()).dbt_target_dir / PARSED, home.dbt_target_dir)
    return home


def parse_of_project() -> Path:
    """The root of a home in which dbt has parsed our project. To be copied from."""
    return made_once(_PARSED_PROJECT, _in_another_process)


@cache
def manifest() -> Manifest:
    """The parsed project, one for this process and those that are forked from it."""
    with TemporaryDirectory() as folder:
        project = _parse(parsed(Home(Path(folder))), "--no-write-json")
    gc.freeze()  # a great many objects that stay: no use in walking them again and again
    return project


def invoke(
    database: str, work: Path, variables: dict[str, Any], *command: str, project: Manifest | None = None
) -> dbtRunnerResult:
    """dbt in this process, on a database; what it writes goes below `work`. Not for threads: dbt's state is the
    process's.
    """
    with _alone(database):
        return dbtRunner(manifest=project).invoke(
            [
                *("--quiet", "--log-level", "none", "--log-level-file", "none"),
                *command,
                *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
                *("--target-path", str(work / "target"), "--log-path", str(work / "logs")),
                # A node is Python more than SQL: a second thread gains nothing.
                *("--threads", "1", "--vars", dumps(variables)),
            ]
        )


def _in_another_process(root: Path) -> None:
    """Parse there: dbt's parser leaves threads behind, and no process that has them can fork one that parses."""
    subprocess.run([sys.executable, "-m", "tests.marts.project", str(root)], cwd=REPOSITORY, check=True)


def _parse(home: Home, *options: str) -> Any:
    """Parse, or read what was parsed there before, by the words with which `transform` would do it."""
    home.dbt_target_dir.mkdir(parents=True, exist_ok=True)
    database = os.path.relpath(home.warehouse, home.dbt_target_dir)
    options = ("--partial-parse", *options)
    outcome = invoke(database, home.dbt_target_dir.parent, dbt_variables(), *options, "parse")
    assert outcome.success, outcome.exception
    return outcome.result


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


def main() -> None:
    """Parse the project in a folder, or, without one, for all tests of the session, unless somebody does already."""
    if sys.argv[1:]:
        _parse(Home(Path(sys.argv[1])))
    else:
        made_once(_PARSED_PROJECT, lambda root: _parse(Home(root)))


if __name__ == "__main__":
    main()
