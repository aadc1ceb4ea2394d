"""dbt's own command line, pointed at a home: `callmart dbt source freshness`.

By itself dbt would have to be told the warehouse, the folders and the reporting time zone, each as `transform` tells
it: with any other word it parses the project again, and so does the next transform after it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from pipelines.errors import CallmartError
from pipelines.home import Home
from pipelines.marts.build import PROJECT_DIR, dbt_environment, dbt_variables
from pipelines.marts.dbt_process import look_for_garbage_seldom
from pipelines.settings import Settings

_MAIN = "from pipelines.marts.dbt_cli import main; main()"


def ask(home: Home, settings: Settings, arguments: Sequence[str]) -> int:
    """Run dbt with these arguments, on our own output; its exit code.

    Raises `CallmartError` when there is no warehouse: dbt would make an empty one.
    """
    if not settings.warehouse.exists():
        raise CallmartError(
            f"There is no warehouse at {settings.warehouse} yet, so there is nothing for dbt.",
            "Load calls first: `callmart load`, or `callmart run`.",
        )
    folder = home.dbt_target_dir
    environment = dbt_environment(settings.warehouse, folder) | {
        "DBT_PROJECT_DIR": str(PROJECT_DIR),
        "DBT_PROFILES_DIR": str(PROJECT_DIR),
        "DBT_TARGET_PATH": str(folder),
        "DBT_LOG_PATH": str(home.dbt_log_dir),
        "DBT_PARTIAL_PARSE": "true",
    }
    variables = json.dumps(dbt_variables(settings.reporting_timezone))
    words = [sys.executable, "-c", _MAIN, variables, *arguments]
    return subprocess.run(words, cwd=folder, env=environment, check=False).returncode


def main() -> None:
    """dbt, with this process's arguments: our variables, and dbt's words."""
    look_for_garbage_seldom()
    from dbt.cli.main import cli

    variables, *arguments = sys.argv[1:]
    cli(with_variables(cli, arguments, variables), prog_name="callmart dbt")


def with_variables(cli: Any, arguments: Sequence[str], variables: str) -> list[str]:
    """The arguments, with our variables right after the name of the command where that takes any: those that are
    asked for stand later, and win. `cli` is dbt's command, by click.
    """
    command = cli
    for place, word in enumerate(arguments, 1):
        if word in getattr(command, "commands", ()):
            command = command.commands[word]
            if any("--vars" in option.opts for option in command.params):
                return [*arguments[:place], "--vars", variables, *arguments[place:]]
    return list(arguments)
