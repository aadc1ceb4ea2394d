"""The same marts on Postgres: one set of raw rows, built by dbt on DuckDB and on Postgres, compared cell by cell."""

from __future__ import annotations

import json
import math
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.marts.dbt_runner import (
    PROJECT_DIR,
    clean_environment,
    dbt_variables,
    postgres_connection,
    started,
)
from tests.increments.histories import happen, history
from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop
from tests.postgres import PostgresServer, running_server, skip_without_postgres

pytestmark = pytest.mark.slow

TYPES = {
    "VARCHAR": "varchar",
    "BIGINT": "bigint",
    "DOUBLE": "double precision",
    "BOOLEAN": "boolean",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "JSON": "jsonb",
}
"""What dlt makes of its types on Postgres, by what it makes of them on DuckDB."""
ZONE = "Australia/Lord_Howe"
"""Its clocks change by half an hour."""
NOT_COMPARED = {"built_at", "restated_at"}
"""When a build ran."""


@dataclass(frozen=True)
class Built:
    """Both warehouses after the same builds."""

    duckdb: Path
    postgres: Any
    """An open psycopg2 connection."""
    results: dict[str, str]
    """How each node of the first build on Postgres ended, by its id."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    skip_without_postgres()
    import psycopg2

    work = tmp_path_factory.mktemp("engines")
    database = work / WAREHOUSE
    dbt_raw.create_raw(database)
    workshop = Workshop(work / "workshop", ZONE)
    first, second, *_ = (now for now in history(3, 1) if now.is_built)
    with (
        running_server() as server,
        server.database() as name,
        closing(psycopg2.connect(**connection_words(server, name))) as connection,
    ):
        connection.autocommit = True
        happen(database, first)
        workshop.build(database)
        copy_raw(database, connection)
        results = dbt_build(server, name, work / "postgres")
        happen(database, second)
        workshop.build(database)
        copy_raw(database, connection)
        dbt_build(server, name, work / "postgres", "--resource-type", "model")
        yield Built(database, connection, results)


def connection_words(server: PostgresServer, database: str) -> dict[str, Any]:
    """The arguments of `psycopg2.connect`."""
    return {
        "host": server.host,
        "port": server.port,
        "user": server.username,
        "password": server.password,
        "dbname": database,
        "options": "-c timezone=utc",
    }


def dbt_build(server: PostgresServer, database: str, work: Path, *options: str) -> dict[str, str]:
    """`dbt build` on Postgres; how each node ended."""
    (work / "target").mkdir(parents=True, exist_ok=True)
    words = [
        *("--partial-parse", "--log-level-file", "none", "build", "--exclude-resource-type", "saved_query"),
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(work / "target"), "--log-path", str(work / "logs")),
        *("--vars", json.dumps(dbt_variables(ZONE)), *options),
    ]
    environment = clean_environment() | postgres_connection(server.credentials(database))
    with started("dbt", words, work, environment, subprocess.PIPE) as process:
        said, _ = process.communicate()
    results = json.loads((work / "target" / "run_results.json").read_text())["results"]
    failed = [
        (each["unique_id"], each["message"])
        for each in results
        if each["status"] not in ("success", "pass", "warn")
    ]
    assert not failed, "\n".join(f"{name}: {message}" for name, message in failed)
    assert process.returncode == 0, said
    return {each["unique_id"]: each["status"] for each in results}


def copy_raw(database: Path, connection: Any) -> None:
    """The raw rows of a DuckDB file, in tables as dlt makes them on Postgres."""
    with duckdb.connect(str(database), read_only=True) as source, connection.cursor() as cursor:
        source.execute("set TimeZone = 'UTC'")
        columns = source.execute(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_schema = 'ccaip' order by table_name, ordinal_position"
        ).fetchall()
        cursor.execute("create schema if not exists ccaip")
        for table in sorted({table for table, _, _ in columns}):
            definition = ", ".join(
                f'"{name}" {TYPES[kind]}' for owner, name, kind in columns if owner == table
            )
            cursor.execute(f"create table if not exists ccaip.{table} ({definition})")
            cursor.execute(f"truncate ccaip.{table}")
            rows = database.with_name("rows.csv")
            source.execute(f"copy ccaip.{table} to '{rows}' (header false, nullstr '\\N')")
            with rows.open() as file:
                cursor.copy_expert(f"copy ccaip.{table} from stdin (format csv, null '\\N')", file)


@contextmanager
def read(built: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(built.duckdb), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def test_every_data_test_and_unit_test_passes_on_postgres(built: Built) -> None:
    """A macro whose form for Postgres says something else than DuckDB's."""
    kinds = Counter(name.split(".")[0] for name in built.results)
    assert kinds["unit_test"] >= 26
    assert kinds["test"] >= 125


def test_every_cell_equals_duckdbs(built: Built) -> None:
    """Every relation, after a build from nothing and an increment."""
    found, cells = [], 0
    with read(built) as source, built.postgres.cursor() as cursor:
        relations = source.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_schema in ('staging', 'intermediate', 'marts', 'memory') order by all"
        ).fetchall()
        for schema, name in relations:
            columns = [
                column
                for (column,) in source.execute(
                    "select column_name from information_schema.columns"
                    " where table_schema = ? and table_name = ? order by column_name",
                    [schema, name],
                ).fetchall()
                if column not in NOT_COMPARED
            ]
            query = f"select {', '.join(columns)} from {schema}.{name}"
            cursor.execute(query)
            here = Counter(_plain(row) for row in source.execute(query).fetchall())
            there = Counter(_plain(row) for row in cursor.fetchall())
            cells += here.total() * len(columns)
            if here != there:
                found.append(
                    f"{schema}.{name}: {next(iter(here - there), None)}, {next(iter(there - here), None)}"
                )
    assert not found, "\n".join(found)
    assert len(relations) >= 87 and cells > 100_000


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row as both drivers could have given it: JSON as text, doubles to twelve digits."""
    return tuple(_cell(cell) for cell in row)


def _cell(cell: Any) -> Any:
    if isinstance(cell, dict | list):
        return json.dumps(cell, sort_keys=True)
    if isinstance(cell, Decimal):
        return int(cell)
    if isinstance(cell, float) and math.isfinite(cell):
        return f"{cell:.12g}"
    if isinstance(cell, str) and cell[:1] in ("{", "["):
        return json.dumps(json.loads(cell), sort_keys=True)
    return cell
