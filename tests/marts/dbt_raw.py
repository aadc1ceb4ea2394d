"""A raw database without the loader, shared by the tests of the marts.

The tables come from the declarations, the rows from call bodies parsed by a few lines of Python. The real loader has
its own tests, so that faults of loader and models do not hide each other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.ccaip.tables import RECORDS, TABLES, Column, Table

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"
FIXTURES = ROOT / "tests" / "fixtures"

TYPES = {
    "text": "varchar",
    "bigint": "bigint",
    "double": "double",
    "bool": "boolean",
    "timestamp": "timestamptz",
    "json": "json",
}


def create_raw(path: Path) -> None:
    """Create an empty raw schema, as after a first load."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema ccaip")
        for table in (*TABLES.values(), *RECORDS):
            columns = [f"{c.name} {TYPES[c.type]}" for c in (*table.key_columns, *table.columns)]
            columns += ["_extra json", "_dlt_load_id varchar"]
            connection.execute(f"create table ccaip.{table.name} ({', '.join(columns)})")
        connection.execute(
            "create table ccaip._dlt_loads (load_id varchar, schema_name varchar, status bigint,"
            " inserted_at timestamptz, schema_version_hash varchar)"
        )


def land(path: Path, load_id: str, calls: Sequence[dict[str, Any]], complete: bool = True) -> None:
    """Load the newest versions of calls as one load, replacing all rows of each call."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.begin()  # one commit per statement would take most of the time
        newest = {call["id"]: call for call in calls}
        forget(connection, *newest)
        rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for call in newest.values():
            for table, keys, element in _elements(call):
                values = keys | {column.name: _value(element, column) for column in table.columns}
                rows[table.name].append({"_dlt_load_id": load_id} | {k: _text(v) for k, v in values.items()})
        for name, elements in rows.items():
            columns = {each: pa.array([row[each] for row in elements], pa.string()) for each in elements[0]}
            connection.register("elements", pa.table(columns))
            connection.execute(f"insert into ccaip.{name} by name from elements")
            connection.unregister("elements")
        if complete:
            connection.execute(
                "insert into ccaip._dlt_loads values (?, 'ccaip', 0, '2026-06-01T00:00:00Z', '')", [load_id]
            )
        connection.commit()


def forget(connection: duckdb.DuckDBPyConnection, *call_ids: int) -> None:
    """Remove calls and all their rows."""
    for table in TABLES.values():
        key = "call_id" if table.parent else "id"
        connection.execute(f"delete from ccaip.{table.name} where {key} in (select unnest(?))", [call_ids])


def _elements(call: dict[str, Any]) -> list[tuple[Table, dict[str, Any], dict[str, Any]]]:
    rows: list[tuple[Table, dict[str, Any], dict[str, Any]]] = [(TABLES["calls"], {}, call)]
    for table in TABLES.values():
        if table.parent == "calls":
            rows += [
                (table, {"call_id": call["id"], "idx": idx}, element)
                for idx, element in enumerate(call.get(table.array) or [])
            ]
    for recording_idx, recording in enumerate(call.get("recordings") or []):
        rows += [
            (
                TABLES["redaction_times"],
                {"call_id": call["id"], "recording_idx": recording_idx, "idx": idx},
                element,
            )
            for idx, element in enumerate(recording.get("redaction_times") or [])
        ]
    return rows


def _value(element: dict[str, Any], column: Column) -> Any:
    for path in (column.path, *column.aliases):
        value: Any = element
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return json.dumps(value) if column.type == "json" else value
    return None


def _text(value: Any) -> str | None:
    """The value as text for a cast."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def rows(path: Path, query: str) -> list[dict[str, Any]]:
    """The result of a query, one dictionary per row."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def held_open(*files: Path) -> Iterator[None]:
    """Keep warehouses open for reading, because opening one takes longer than most queries.

    Nothing may write to them meanwhile.
    """
    with ExitStack() as stack:
        for file in files:
            stack.enter_context(duckdb.connect(str(file), read_only=True))
        yield


def fixture(name: str) -> dict[str, Any]:
    """The call of a fixture file."""
    body = json.loads((FIXTURES / name).read_text(encoding="utf-8"))
    call: dict[str, Any] = body[0] if isinstance(body, list) else body
    return call
