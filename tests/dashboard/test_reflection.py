"""What BI tools and notebooks see of the marts: tables, columns, types and comments, through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect

from tests.marts.workshop import manifest

pytestmark = pytest.mark.slow

PLAIN = {
    *("BIGINT", "INTEGER", "BOOLEAN", "DATE", "VARCHAR", "TEXT", "TIMESTAMP"),
    *("FLOAT", "DOUBLE PRECISION", "DOUBLE_PRECISION"),
}
"""Types that Superset, Metabase, Power BI and Tableau read alike. Not among them: HUGEINT, INTERVAL, lists, structs, JSON."""
PLOTTED = {
    "fct_calls": ("created_at", "created_local"),
    "fct_queue_segments": ("entered_queue_at", "entered_queue_local"),
    "fct_handled_segments": ("started_at", "started_local"),
    "fct_transfers": ("created_at", "created_local"),
    "fct_virtual_agent_sessions": ("started_at", "started_local"),
    "mart_unfinished_calls": ("created_at", "created_local"),
}
"""The instant by which rows of a table are plotted, and its local time. Everywhere else that is the interval's start."""
NOT_PLOTTED = {"agg_queue_intervals"}
"""`mart_queue_intervals` has the same parts by local time."""


@pytest.fixture(scope="module")
def published(copy: Path) -> Iterator[Engine]:
    engine = create_engine(f"duckdb:///{copy}?access_mode=read_only")
    yield engine
    engine.dispose()


def columns_of(engine: Engine) -> dict[str, dict[str, Any]]:
    """Every column of every mart, as reflected: by table and by name."""
    inspector = inspect(engine)
    return {
        table: {column["name"]: column for column in inspector.get_columns(table, "marts")}
        for table in inspector.get_table_names("marts")
    }


def models() -> dict[str, Any]:
    nodes = manifest().nodes.values()
    return {node.name: node for node in nodes if node.resource_type == "model" and node.schema == "marts"}


def check_columns(engine: Engine) -> int:
    """Walk all columns of all marts: their types, comments and local times. How many there are."""
    found = columns_of(engine)
    assert found.keys() == models().keys()
    inspector = inspect(engine)
    wrong = []
    for table, columns in found.items():
        described = models()[table]
        if inspector.get_table_comment(table, "marts")["text"] != described.description:
            wrong.append(f"{table}: the comment is not the description")
        for name, column in columns.items():
            kind = str(column["type"])
            if kind not in PLAIN:
                wrong.append(f"{table}.{name}: {kind}")
            if not column["comment"]:
                wrong.append(f"{table}.{name}: no comment")
            if name in described.columns and column["comment"] != described.columns[name].description:
                wrong.append(f"{table}.{name}: the comment is not the description")
        instant, local = PLOTTED.get(table, ("interval_start_at", "interval_start_local"))
        if instant in columns and table not in NOT_PLOTTED:
            if local not in columns or columns[local]["type"].timezone:
                wrong.append(f"{table}: no local time beside {instant}")
            # duckdb-engine reflects instants as times without a zone
            if engine.name == "postgresql" and not columns[instant]["type"].timezone:
                wrong.append(f"{table}.{instant}: no zone")
    assert wrong == []
    return sum(map(len, found.values()))


def test_the_published_copy_tells_types_and_comments_of_every_column(published: Engine) -> None:
    assert check_columns(published) > 700
