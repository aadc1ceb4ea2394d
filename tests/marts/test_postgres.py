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
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from pipelines.home import Home
from pipelines.marts.build import transform
from pipelines.marts.dbt_runner import PROJECT_DIR, dbt_environment, dbt_variables, started
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from tests.dashboard.test_reflection import check_columns
from tests.increments.histories import happen, history
from tests.increments.rebuild import RECORDS
from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop
from tests.postgres import PostgresServer

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
def built(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Built]:
    import psycopg2

    work = tmp_path_factory.mktemp("engines")
    database = work / WAREHOUSE
    dbt_raw.create_raw(database)
    workshop = Workshop(work / "workshop", ZONE)
    first, second, *_ = (now for now in history(3, 1) if now.is_built)
    with (
        postgres_server.database() as name,
        closing(psycopg2.connect(postgres_server.url(name).replace("+psycopg2", ""))) as connection,
    ):
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("set timezone to 'UTC'")
        settings = Settings(
            work / "unused.duckdb",
            destination="postgres",
            credentials=postgres_server.credentials(name),
            reporting_timezone=ZONE,
        )
        home = Home(work / "home")
        home.dbt_target_dir.mkdir(parents=True)
        happen(database, first)
        workshop.build(database)
        copy_raw(database, connection)
        results = dbt_build(home, settings)
        happen(database, second)
        workshop.build(database)
        copy_raw(database, connection)
        transform(home, settings, SilentProgress(), with_tests=False)
        yield Built(database, connection, results)


def dbt_build(home: Home, settings: Settings) -> dict[str, str]:
    """`dbt build` with all tests, unit tests too; how each node ended."""
    words = [
        *("--partial-parse", "--log-level-file", "none", "build"),
        *("--exclude-resource-type", "saved_query", "--exclude-resource-type", "exposure"),
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(home.dbt_target_dir), "--log-path", str(home.dbt_log_dir)),
        *("--vars", json.dumps(dbt_variables(ZONE))),
    ]
    environment = dbt_environment(settings, home.dbt_target_dir)
    with started("dbt", words, home.dbt_target_dir, environment, subprocess.PIPE) as process:
        said, _ = process.communicate()
    results = json.loads((home.dbt_target_dir / "run_results.json").read_text())["results"]
    failed = [
        f"{each['unique_id']}: {each['message']}"
        for each in results
        if each["status"] not in ("success", "pass", "warn")
    ]
    assert not failed, "\n".join(failed)
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
            " where table_schema in ('staging', 'intermediate', 'marts', 'history') order by all"
        ).fetchall()
        relations = [each for each in relations if each[1] not in RECORDS]
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


def test_every_column_is_reflected_with_its_comment(built: Built, postgres_server: PostgresServer) -> None:
    """A BI tool that shows other types than on DuckDB, or no descriptions."""
    engine = create_engine(postgres_server.url(built.postgres.info.dbname), poolclass=NullPool)
    assert check_columns(engine) > 700


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
