"""Our dbt project as dbt has parsed it, for every dbt process of a server."""

from __future__ import annotations

import sys
from typing import Any

from pipelines.transform import PROJECT_DIR


def hand_out_project() -> None:
    """From now on, dbt in this process and in those forked from it has our project at hand, where it would read
    what it parsed before: half of what it does before it builds.
    """
    from dbt.cli import main

    from tests.marts.project import manifest

    project = manifest()
    runner = main.dbtRunner

    def with_project(**arguments: Any) -> Any:
        is_ours = "--partial-parse" in sys.argv and str(PROJECT_DIR) in sys.argv
        return runner(manifest=project if is_ours else None, **arguments)

    main.dbtRunner = with_project  # type: ignore[misc, assignment]
