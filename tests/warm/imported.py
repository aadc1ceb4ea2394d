"""What processes of `tests.warm` have imported when they begin, and what else those of a kind begin with."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module

_OURS = ("pipelines", "simulator")
_IMPORTED = (
    *_OURS,
    # what these, and what they use, import when it is needed
    "dbt.adapters.duckdb",
    "dbt.cli.main",
    "dbt.task.build",
    "dlt.destinations.impl.duckdb.duck",
    "dlt.sources.helpers.requests",
    "duckdb_engine",
    "httpcore",
    "pyarrow.dataset",
    "pytest",
    "rich._emoji_codes",
    "typer._adapters",
    "typer.rich_utils",
)


class _WithoutPandas:
    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def without_pandas() -> None:
    """From now on it is said at once that pandas is not there. DuckDB looks for it at every parameter of a query."""
    if _WithoutPandas not in sys.meta_path:
        sys.meta_path.insert(0, _WithoutPandas)


@cache
def import_all() -> None:
    """Import what every process begins with."""
    without_pandas()
    for name in _IMPORTED:
        module = import_module(name)
        for each in pkgutil.walk_packages(module.__path__, f"{name}.") if name in _OURS else ():
            import_module(each.name)


def _callmart(folder: str) -> None:
    """What a process of callmart's reads or makes once, and then keeps; its dbt is forked, too."""
    from pipelines.ccaip import client
    from pipelines.warehouse import dlt_pipeline
    from tests.warm import route_to_servers

    route_to_servers(folder)
    client._certificates()
    dlt_pipeline._schema()


def _dbt(folder: str) -> None:
    from tests.warm.project import hand_out_project, say_no_details

    hand_out_project(folder)
    say_no_details()


def _tests(folder: str) -> None:
    """Nothing: they make what they need."""


KINDS: dict[str, Callable[[str], None]] = {"callmart": _callmart, "dbt": _dbt, "tests": _tests}
"""Kinds of processes, and what is done once for all of a kind, in the session at home in a folder: `tests` are
test workers, and what else runs code of ours that is no product."""
