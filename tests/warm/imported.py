"""What the servers of `tests.warm` import before they fork."""

from __future__ import annotations

import pkgutil
from importlib import import_module

OURS = ("pipelines", "simulator")
IMPORTED = {
    "callmart": (
        *OURS,
        # what these, and what they use, import when it is needed
        "dlt.sources.helpers.requests",
        "dlt.destinations.impl.duckdb.duck",
        "duckdb_engine",
        "httpcore",
        "pyarrow.dataset",
        "rich._emoji_codes",
        "typer._adapters",
        "typer.rich_utils",
    ),
    "dbt": ("pipelines.dbt_process", "dbt.cli.main", "dbt.adapters.duckdb", "dbt.task.build"),
}
"""Kinds of processes, and what they have imported when they begin: packages of ours with all in them."""


def import_all(kind: str) -> None:
    """Import what a process of the kind begins with."""
    for name in IMPORTED[kind]:
        module = import_module(name)
        for each in pkgutil.walk_packages(module.__path__, f"{name}.") if name in OURS else ():
            import_module(each.name)
