"""Raw tables of many calls: a simulated week, loaded as any tenant's, and copied with SQL.

The copies go back in time, for at most three years. Beyond that the weeks become denser: each is filled in several layers,
with agents and callers of their own. Rows are written oldest first, as a load writes them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import duckdb

from pipelines.ccaip.schema import LOAD_ID
from pipelines.ccaip.tables import TABLES
from simulator.centre import Centre
from simulator.platform import Platform
from tests.tenant import tenant

START = datetime(2026, 3, 9, tzinfo=UTC)
"""A Monday; the newest week is the one that the questions in docs/analysts.md are about."""
END = START + timedelta(days=7)
NOW = END + timedelta(hours=1)
CALLS_PER_DAY = 715
CHANGED = 1_000
MOST_WEEKS = 156

_CALLS_AT_ONCE = 100_000
_KEY_STEP = 10_000_000
"""Between the ids of two copies of a call: more than the simulator's largest."""
_CALL_IDS = ("call_id", "parent_id")
_AGENT_IDS = ("agent_id", "agent_info__id", "from_agent__id", "to_agent__id", "start_agent_id", "end_agent_id", "user_id")  # fmt: skip
_LAYER_SECONDS = 97
"""Between the calls of two layers."""


@dataclass(frozen=True)
class Written:
    """What was written: bytes of the raw tables in the warehouse, and of the same rows as Parquet with zstd."""

    calls: int
    seconds: float
    warehouse_bytes: int
    parquet_bytes: int


@contextmanager
def platform() -> Iterator[Platform]:
    """The API of the simulated week, an hour after its end."""
    with tenant(_centre(), NOW) as served:
        yield served


@cache
def _centre() -> Centre:
    return Centre.simulate(1, START, days=(END - START).days, calls_per_day=CALLS_PER_DAY)


def copy_week(warehouse: Path, calls: int) -> Written:
    """Copy the week that was loaded until there are about `calls` calls."""
    begun = time.monotonic()
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        (week,) = connection.execute("select count(*) from ccaip.calls").fetchone() or (0,)
        copies = max(round(calls / week), 1)
        weeks = min(copies, MOST_WEEKS)
        for name in TABLES:
            _copy_rows(connection, name, copies, weeks, max(_CALLS_AT_ONCE // week, 1))
        connection.execute(
            "insert into ccaip._dlt_loads by name select loads.* replace (load_id || '-' || week as load_id)"
            f" from ccaip._dlt_loads as loads, range(1, {weeks}) as weeks (week)"
        )
        connection.execute("checkpoint")
        seconds = time.monotonic() - begun
        parquet_bytes = _parquet_bytes(connection, warehouse.with_suffix(".parquet"))
    return Written(copies * week, seconds, warehouse.stat().st_size, parquet_bytes)


def _copy_rows(
    connection: duckdb.DuckDBPyConnection, table: str, copies: int, weeks: int, at_once: int
) -> None:
    """Replace the rows of a table by all copies of them, so many copies in one statement."""
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns()"
        " where schema_name = 'ccaip' and table_name = ? order by column_index",
        [table],
    ).fetchall()
    shifted = ", ".join(_shifted(table, column, kind) for column, kind in columns)
    connection.execute(f"create or replace temp table week_of_rows as from ccaip.{table}")
    connection.execute(f"truncate ccaip.{table}")
    layers = -(-copies // weeks)
    for last in range(weeks, 0, -max(at_once // layers, 1)):
        first = max(last - max(at_once // layers, 1), 0)
        connection.execute(
            f"insert into ccaip.{table} select {shifted} from week_of_rows,"
            f" (select copy, copy % {weeks} as week, copy // {weeks} as layer from range({copies}) as copies (copy)) as copies"
            f" where copies.week >= {first} and copies.week < {last}"
        )


def _shifted(table: str, column: str, kind: str) -> str:
    name = f'"{column}"'
    if column in _CALL_IDS or (table == "calls" and column == "id"):
        return f"{name} + copy * {_KEY_STEP}"
    if column in _AGENT_IDS and kind == "BIGINT":
        return f"{name} + layer * 1000"
    if column == "end_user__id":
        return f"case when copy > 0 then {name} || '-' || copy else {name} end"
    if column == LOAD_ID:
        return f"case when week > 0 then {name} || '-' || week else {name} end"
    if kind.startswith("TIMESTAMP"):
        return f"{name} - week * interval '7 days' - layer * interval '{_LAYER_SECONDS} seconds'"
    return name


def _parquet_bytes(connection: duckdb.DuckDBPyConnection, file: Path) -> int:
    """The size of the raw tables of calls as Parquet with zstd, written to `file` in turn."""
    total = 0
    for name in TABLES:
        connection.execute(f"copy ccaip.{name} to '{file}' (format parquet, compression zstd)")
        total += file.stat().st_size
        file.unlink()
    return total


def change(warehouse: Path, load_id: str) -> None:
    """Change 1,000 calls in one load: those of the newest days, and one in twenty from days long ago."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "create temp table changed as select id from ("
            f" (from ccaip.calls order by created_at desc limit {CHANGED * 19 // 20}) union all"
            f" (from ccaip.calls order by hash(id) limit {CHANGED // 20}))"
        )
        for name, table in TABLES.items():
            key = "call_id" if table.parent else "id"
            connection.execute(
                f"update ccaip.{name} set {LOAD_ID} = ? where {key} in (from changed)", [load_id]
            )
        connection.execute(
            "update ccaip.queue_durations set queue_duration = queue_duration + 1 where call_id in (from changed)"
        )
        connection.execute(
            "insert into ccaip._dlt_loads by name select * replace (? as load_id, inserted_at + interval '1 hour' as inserted_at)"
            " from ccaip._dlt_loads order by inserted_at desc limit 1",
            [load_id],
        )
