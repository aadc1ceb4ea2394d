"""`callmart dbt` and `callmart mf`: the command lines of dbt and MetricFlow, pointed at a home.

dbt gets the folders, profile and variables of `callmart transform`. With different ones it would have to parse the
whole project again, and so would the next transform.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import CallmartError, ConfigurationError
from pipelines.home import Home
from pipelines.marts.dbt_runner import (
    PROJECT_DIR,
    clean_environment,
    dbt_environment,
    dbt_variables,
    duckdb_connection,
    project_of,
    started,
)
from pipelines.marts.last_build import forget_build
from pipelines.settings import Settings
from pipelines.warehouse.connect import exists
from pipelines.warehouse.publish import published_copy

_NO_UPDATE_CHECK = "http://127.0.0.1:9"
"""A proxy that does not exist, because `mf` asks the package index for a newer version on each start."""


def run_dbt(home: Home, settings: Settings, arguments: Sequence[str]) -> int:
    """Run `dbt` with these arguments and return its exit code.

    Raises `CallmartError` when there is no warehouse: dbt would create an empty one.
    """
    if not exists(settings):
        raise CallmartError(
            f"There is nothing in {settings.warehouse_name} yet, so dbt has nothing to work on.",
            "Load calls first: `callmart load`, or `callmart run`.",
        )
    from dbt.cli.main import cli

    forget_build(home)  # it may change the marts, with other settings
    folder = home.dbt_target_dir
    project = project_of(home)
    environment = dbt_environment(settings, folder) | {
        "DBT_PROJECT_DIR": str(project),
        "DBT_PROFILES_DIR": str(project),
        "DBT_TARGET_PATH": str(folder),
        "DBT_LOG_PATH": str(home.dbt_log_dir),
        "DBT_PARTIAL_PARSE": "true",
    }
    variables = json.dumps(dbt_variables(settings.reporting_timezone))
    return _run("dbt", with_variables(cli, arguments, variables), folder, environment)


def run_metricflow(home: Home, settings: Settings, arguments: Sequence[str]) -> int:
    """Run `mf` with these arguments and return its exit code.

    On DuckDB it reads the published copy, or the warehouse if nothing was published, read-only. `mf` expects a dbt project
    with a parsed manifest in `target`: the last transform left one below the home.

    Raises `ConfigurationError` when MetricFlow is not installed, `CallmartError` when there are no marts.
    """
    if importlib.util.find_spec("dbt_metricflow") is None:
        raise ConfigurationError(
            "MetricFlow is not installed here.",
            "Install callmart with its extra: pip install 'callmart[semantic]'.",
        )
    if not (home.dbt_target_dir / "semantic_manifest.json").exists() or not exists(settings):
        raise CallmartError(
            f"There are no marts in {home.root} yet, so there are no metrics.", "Build them: `callmart run`."
        )
    project = home.dbt_target_dir.parent
    shutil.copyfile(PROJECT_DIR / "dbt_project.yml", project / "dbt_project.yml")
    folder = Path.cwd()  # `mf query --csv FILE` writes there
    environment = _marts_connection(home, settings, folder) | {
        "DBT_PROJECT_DIR": str(project),
        "DBT_PROFILES_DIR": str(PROJECT_DIR),
        "DBT_LOG_PATH": str(home.dbt_log_dir),
        "HTTPS_PROXY": _NO_UPDATE_CHECK,
        "https_proxy": _NO_UPDATE_CHECK,
    }
    return _run("mf", arguments, folder, environment)


def _marts_connection(home: Home, settings: Settings, folder: Path) -> dict[str, str]:
    if settings.destination != "duckdb":
        return dbt_environment(settings, folder)
    copy = published_copy(home, settings)
    marts = copy if copy.exists() else settings.warehouse
    return clean_environment() | duckdb_connection(marts, folder, read_only=True)


def with_variables(cli: Any, arguments: Sequence[str], variables: str) -> list[str]:
    """The arguments with `--vars` after the subcommand, if it has that option. A `--vars` of the user comes later and
    takes precedence. `cli` is dbt's click command.
    """
    command = cli
    for place, word in enumerate(arguments, 1):
        if word in getattr(command, "commands", ()):
            command = command.commands[word]
            if any("--vars" in option.opts for option in command.params):
                return [*arguments[:place], "--vars", variables, *arguments[place:]]
    return list(arguments)


def _run(command: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    with started(command, arguments, folder, environment) as process:
        return process.wait()
