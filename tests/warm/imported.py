"""What the servers of `tests.warm` import, and read, before they fork: not before they are first asked."""

from __future__ import annotations

import pkgutil
import sys
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


class _WithoutPandas:
    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def without_pandas() -> None:
    """From now on it is said at once that pandas is not there. DuckDB looks for it at every parameter of a query."""
    sys.meta_path.insert(0, _WithoutPandas)


def import_all(kind: str) -> None:
    """Import what a process of the kind begins with."""
    without_pandas()
    for name in IMPORTED[kind]:
        module = import_module(name)
        for each in pkgutil.walk_packages(module.__path__, f"{name}.") if name in OURS else ():
            import_module(each.name)


def read_what_is_kept() -> None:
    """What a process of callmart's reads or makes once, and then keeps."""
    from pipelines.ccaip import client
    from pipelines.warehouse import dlt_pipeline

    client._certificates()
    dlt_pipeline._schema()
