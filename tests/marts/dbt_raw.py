"""A raw database made by hand, and dbt run over it: what the tests of the marts share.

The tables come from the declarations, the rows from call bodies exploded by a few plain lines; the
real loader has tests of its own, so that a fault in it and a fault in a model do not hide each other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from pipelines.ccaip.tables import RECORDS, TABLES, Column, Table
from pipelines.home import Home
from pipelines.transform import dbt_variables
from tests.shared import parsed

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"
FIXTURES = ROOT / "tests" / "fixtures"

DBT_MAIN = "import gc; gc.set_threshold(100_000, 50, 50); from dbt.cli.main import cli; cli()"

TYPES = {
    "text": "varchar",
    "bigint": "bigint",
    "double": "double",
    "bool": "boolean",
    "timestamp": "timestamptz",
    "json": "json",
}


def new_home(root: Path) -> Home:
    """A home whose warehouse has an empty raw schema, as the first load leaves it."""
    home = parsed(Home(root))
    home.warehouse.parent.mkdir()
    create_raw(home.warehouse)
    return home


def create_raw(path: Path) -> None:
    """An empty raw schema, as the first load leaves it."""
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
    """Land the newest versions of calls as one load: all rows of each call are replaced."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.begin()  # a commit a statement takes most of the time
        for call in calls:
            forget(connection, call["id"])
            for table, keys, element in _elements(call):
                values = {"_dlt_load_id": load_id, **keys}
                values |= {column.name: _value(element, column) for column in table.columns}
                marks = ", ".join("?" for _ in values)
                connection.execute(
                    f"insert into ccaip.{table.name} ({', '.join(values)}) values ({marks})",
                    list(values.values()),
                )
        if complete:
            connection.execute(
                "insert into ccaip._dlt_loads values (?, 'ccaip', 0, '2026-06-01T00:00:00Z', '')", [load_id]
            )
        connection.commit()


def forget(connection: duckdb.DuckDBPyConnection, call_id: int) -> None:
    """Remove a call and all its rows."""
    for table in TABLES.values():
        connection.execute(
            f"delete from ccaip.{table.name} where {'call_id' if table.parent else 'id'} = ?", [call_id]
        )


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


def dbt(home: Home, *arguments: str, variables: dict[str, Any] | None = None) -> str:
    """Run dbt in a process of its own over the home's warehouse; its output. Fails loudly if dbt does."""
    result = dbt_result(home, *arguments, variables=variables)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def dbt_result(
    home: Home, *arguments: str, variables: dict[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """As `dbt`, without judging."""
    work = home.dbt_target_dir
    return subprocess.run(
        [
            *(sys.executable, "-c", DBT_MAIN),
            *("--no-use-colors", "--partial-parse", "--log-level-file", "info", *arguments),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
            *("--target-path", str(work), "--log-path", str(home.dbt_log_dir)),
            *("--vars", json.dumps(dbt_variables() | (variables or {}))),
        ],
        cwd=work,
        env={**os.environ, "CALLMART_DUCKDB_PATH": os.path.relpath(home.warehouse, work)},
        capture_output=True,
        text=True,
        check=False,
    )


def results(home: Home, artefact: str = "run_results") -> list[dict[str, Any]]:
    """What dbt wrote of the last run, a node each."""
    told = json.loads((home.dbt_target_dir / f"{artefact}.json").read_text())
    found: list[dict[str, Any]] = told["results"]
    return found


def rows(path: Path, query: str) -> list[dict[str, Any]]:
    """The result of a query, a dictionary a row."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def fixture(name: str) -> dict[str, Any]:
    """The call of a fixture file."""
    body = json.loads((FIXTURES / name).read_text(encoding="utf-8"))
    call: dict[str, Any] = body[0] if isinstance(body, list) else body
    return call
