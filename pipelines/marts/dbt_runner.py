"""Run dbt, or MetricFlow, in its own process.

The process gets only what it needs of the caller's environment: no credentials of the API, no privacy key, and none of
dbt's own variables (`DBT_TARGET`, `DBT_PROFILES_DIR`, …) or libpq's (`PGHOST`, …), which could redirect a build.

It exits when the caller does, even when the caller is killed. The caller keeps the write end of a pipe open; the
operating system closes it when the caller ends, and a thread in the child exits the process then. Without this, an
orphaned dbt would keep the warehouse locked. Standard input stays the user's.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from pipelines.ccaip.tables import SOURCE
from pipelines.errors import ConfigurationError
from pipelines.home import REPOSITORY, Home
from pipelines.seeds import own_seeds, write_project
from pipelines.settings import Settings
from pipelines.shipped import PROJECT_DIR

_NOT_PASSED_ON = ("SOURCES__", "PRIVACY__", "DESTINATION__", "ALERTS__", "DBT_", "PG")


def dbt_variables(reporting_timezone: str = "UTC") -> dict[str, str]:
    """The value of `--vars`. dbt parses the whole project again when it changes."""
    return {"reporting_timezone": reporting_timezone, "raw_schema": SOURCE}


def dbt_environment(settings: Settings, folder: Path) -> dict[str, str]:
    """The environment of a dbt process that runs in `folder` and works on the warehouse of `settings`.

    Raises `ConfigurationError` when dbt's adapter for it is not installed.
    """
    name = settings.destination
    if name == "duckdb":
        return clean_environment() | duckdb_connection(settings.warehouse, folder)
    if importlib.util.find_spec(f"dbt.adapters.{name}") is None:
        raise ConfigurationError(
            f"dbt's adapter for {name} is not installed.",
            f"Install callmart with its extra: `pip install 'callmart[{name}]'`.",
        )
    connection = {"postgres": postgres_connection, "bigquery": bigquery_connection}[name]
    return clean_environment() | connection(settings.credentials)


def project_of(home: Home, delivered: Path = PROJECT_DIR) -> Path:
    """The dbt project for this home: `delivered`, or a new copy in the home when the user has seeds of their own.

    Raises `ConfigurationError` when a file among them is no seed.
    """
    own = own_seeds(home.seeds_dir)
    if not own:
        return delivered
    write_project(own, home.dbt_project_dir)
    return home.dbt_project_dir


def clean_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`environment` without secrets and without the variables of dbt and of Postgres' client library."""
    kept = {name: value for name, value in environment.items() if not name.startswith(_NOT_PASSED_ON)}
    return kept | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


def duckdb_connection(file: Path, folder: Path, read_only: bool = False) -> dict[str, str]:
    """The variables that `profiles.yml` reads to connect to a DuckDB file.

    The path is relative to `folder`, where dbt runs: dbt parses the whole project again when the profile changes, and a
    home may be moved or copied.
    """
    return {
        "CALLMART_DUCKDB_PATH": os.path.relpath(file.parent.resolve() / file.name, folder.resolve()),
        "CALLMART_DUCKDB_ACCESS_MODE": "read_only" if read_only else "automatic",
    }


def postgres_connection(credentials: Mapping[str, Any]) -> dict[str, str]:
    """The variables that `profiles.yml` reads to connect to Postgres, from dlt's `[destination.postgres.credentials]`.

    Sessions use UTC, because instants in seeds may have no offset.
    """
    query = credentials.get("query") or {}
    return {
        "CALLMART_DBT_TARGET": "postgres",
        "CALLMART_POSTGRES_HOST": str(credentials.get("host") or "localhost"),
        "CALLMART_POSTGRES_PORT": str(credentials.get("port") or 5432),
        "CALLMART_POSTGRES_USER": str(credentials["username"]),
        "CALLMART_POSTGRES_DATABASE": str(credentials["database"]),
        "CALLMART_POSTGRES_SSLMODE": str(query.get("sslmode") or "prefer"),
        "DBT_ENV_SECRET_POSTGRES_PASSWORD": str(credentials.get("password") or ""),
        "PGOPTIONS": "-c timezone=utc",
    }


def bigquery_connection(credentials: Mapping[str, Any]) -> dict[str, str]:
    """The variables that `profiles.yml` reads to connect to BigQuery, from dlt's `[destination.bigquery.credentials]`."""
    found = {
        "CALLMART_DBT_TARGET": "bigquery",
        "CALLMART_BIGQUERY_METHOD": "service-account-json",
        "CALLMART_BIGQUERY_PROJECT": str(credentials["project_id"]),
        "CALLMART_BIGQUERY_CLIENT_EMAIL": str(credentials["client_email"]),
        "DBT_ENV_SECRET_BIGQUERY_PRIVATE_KEY": str(credentials["private_key"]),
    }
    for name in ("token_uri", "location"):
        if given := credentials.get(name):
            found[f"CALLMART_BIGQUERY_{name.upper()}"] = str(given)
    return found


@contextmanager
def started(
    command: str,
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    output: int | IO[str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A process of `command` (`dbt` or `mf`) that runs in `folder` and ends with the block.

    `output` takes stdout and stderr; without it they are the caller's.
    """
    theirs, ours = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.marts.dbt_runner", str(theirs), command, *arguments],
            cwd=folder,
            env={**environment, "PYTHONPATH": _module_path(environment)},
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            text=True,
            pass_fds=(theirs,),
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    try:
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
    finally:
        os.close(ours)


def main() -> None:
    """The child process: `python -m pipelines.marts.dbt_runner PIPE (dbt|mf) ARGUMENT…`."""
    pipe, command, *arguments = sys.argv[1:]
    threading.Thread(target=_exit_with_caller, args=(int(pipe),), daemon=True).start()
    sys.argv = [f"callmart {command}", *arguments]
    module = import_module("dbt_metricflow.cli.main" if command == "mf" else "dbt.cli.main")
    module.cli(prog_name=sys.argv[0])


def _module_path(environment: Mapping[str, str]) -> str:
    """`PYTHONPATH` with this package: the child runs in another folder."""
    return os.pathsep.join(filter(None, (str(REPOSITORY), environment.get("PYTHONPATH", ""))))


def _exit_with_caller(pipe: int) -> None:
    os.read(pipe, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
