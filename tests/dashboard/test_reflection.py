"""What BI tools and notebooks see of the marts: tables, columns, types and comments, through SQLAlchemy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from tests.marts.workshop import manifest

pytestmark = pytest.mark.slow

PLAIN = {
    *("BIGINT", "INTEGER", "DOUBLE", "DOUBLE PRECISION", "BOOLEAN", "DATE"),
    *("VARCHAR", "CHARACTER VARYING", "TEXT"),
    *("TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP WITH TIME ZONE"),
}
"""Types that Superset, Metabase, Power BI and Tableau read alike. Not among them: HUGEINT, INTERVAL, lists, structs, JSON."""
ZONED = "TIMESTAMP WITH TIME ZONE"
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


def types_of(engine: Engine) -> dict[str, dict[str, str]]:
    """The engine's own type of each column; duckdb-engine reflects a HUGEINT as a plain number."""
    query = "select table_name, column_name, data_type from information_schema.columns where table_schema = 'marts'"
    found: dict[str, dict[str, str]] = defaultdict(dict)
    with engine.connect() as connection:
        for table, column, kind in connection.execute(text(query)):
            found[table][column] = kind.upper()
    return found


def models() -> dict[str, Any]:
    nodes = manifest().nodes.values()
    return {node.name: node for node in nodes if node.resource_type == "model" and node.schema == "marts"}


def check_columns(engine: Engine) -> int:
    """Walk all columns of all marts: their types, comments and local times. How many there are."""
    inspector, types = inspect(engine), types_of(engine)
    found = {table: columns for (_, table), columns in inspector.get_multi_columns(schema="marts").items()}
    assert found.keys() == types.keys() == models().keys()
    wrong = []
    for table, kinds in types.items():
        described = models()[table]
        if inspector.get_table_comment(table, "marts")["text"] != described.description:
            wrong.append(f"{table}: the comment is not the description")
        reflected = {column["name"]: column for column in found[table]}
        for name, kind in kinds.items():
            comment = reflected[name]["comment"]
            if kind not in PLAIN:
                wrong.append(f"{table}.{name}: {kind}")
            if not comment:
                wrong.append(f"{table}.{name}: no comment")
            if name in described.columns and comment != described.columns[name].description:
                wrong.append(f"{table}.{name}: the comment is not the description")
        instant, local = PLOTTED.get(table, ("interval_start_at", "interval_start_local"))
        if instant in kinds and table not in NOT_PLOTTED:
            if kinds[instant] != ZONED:
                wrong.append(f"{table}.{instant}: {kinds[instant]} has no zone")
            if kinds.get(local, ZONED) == ZONED:
                wrong.append(f"{table}: no local time beside {instant}")
    assert wrong == []
    return sum(map(len, types.values()))


def test_the_published_copy_tells_types_and_comments_of_every_column(published: Engine) -> None:
    assert check_columns(published) > 700
