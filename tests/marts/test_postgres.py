"""The same marts on Postgres: one set of raw rows, built by dbt on DuckDB and on Postgres, compared cell by cell."""

from __future__ import annotations

import json
import math
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from subprocess import Popen
from typing import Any

import duckdb
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from pipelines.home import REPOSITORY, Home
from pipelines.marts.dbt_runner import PROJECT_DIR, dbt_environment, dbt_variables, started
from pipelines.settings import Settings
from tests.dashboard.test_reflection import check_columns
from tests.increments.histories import happen, history
from tests.increments.rebuild import RECORDS, TABLES
from tests.marts import dbt_raw, engine_macros
from tests.marts.workshop import WAREHOUSE, Workshop, parse_of_project
from tests.postgres import PostgresServer
from tests.semantic.definitions import COMPARISONS
from tests.semantic.test_metrics_agree import differences

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
    """An open psycopg2 connection of the role that loads and builds, which is no superuser."""
    reader: Any
    """One of a reader of the marts."""
    settings: Settings
    """Those of that role."""
    home: Home
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
    with postgres_server.database() as name, ExitStack() as opened:

        def connected(**user: str) -> Any:
            server = {"host": postgres_server.host, "port": postgres_server.port, "dbname": name}
            connection = opened.enter_context(closing(psycopg2.connect(**server, **user)))
            connection.autocommit = True
            return connection

        owner = connected(user=postgres_server.username, password=postgres_server.password)
        with owner.cursor() as cursor:
            cursor.execute(documented_roles().replace("database callmart", f"database {name}"))
            cursor.execute("create role an_analyst login password 'a-password' in role callmart_readers")
        loader = {"username": "callmart_loader", "password": "choose one"}
        connection = connected(user=loader["username"], password=loader["password"])
        with connection.cursor() as cursor:
            cursor.execute("set timezone to 'UTC'")
        settings = Settings(
            work / "unused.duckdb",
            destination="postgres",
            credentials=postgres_server.credentials(name) | loader,
            reporting_timezone=ZONE,
        )
        home = Home(work / "home")
        home.dbt_target_dir.mkdir(parents=True)
        happen(database, first)
        workshop.build(database)
        copy_raw(database, connection)
        results = dbt_build(home, settings)
        happen(database, second)
        workshop.build(database, select=TABLES)
        copy_raw(database, connection)
        models = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
        # half of the facts are changed, and no mart
        dbt_killed(home, settings, "fct_handled_segments", *models)
        dbt_build(home, settings, *models)
        reader = connected(user="an_analyst", password="a-password")
        yield Built(database, connection, reader, settings, home, results)


def documented_roles() -> str:
    """The statements that docs/destinations.md gives to the owner of a database."""
    page = (REPOSITORY / "docs" / "destinations.md").read_text()
    (statements,) = re.findall(r"```sql\n(create role callmart_loader.*?)```", page, re.DOTALL)
    return statements


def dbt_build(home: Home, settings: Settings, *options: str) -> dict[str, str]:
    """`dbt build` with all tests, unit tests too; how each node ended."""
    with dbt_started(home, settings, *options) as process:
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


def dbt_killed(home: Home, settings: Settings, after: str, *options: str) -> None:
    """`dbt build`, killed when it has built the model `after`."""
    with dbt_started(home, settings, *options) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if " OK " in line and after in line:
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL


def dbt_started(home: Home, settings: Settings, *options: str) -> AbstractContextManager[Popen[str]]:
    words = [
        *("--partial-parse", "--no-use-colors", "--log-level-file", "none", "build"),
        *("--exclude-resource-type", "saved_query", "--exclude-resource-type", "exposure"),
        *options,
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(home.dbt_target_dir), "--log-path", str(home.dbt_log_dir)),
        *("--vars", json.dumps(dbt_variables(ZONE))),
    ]
    environment = dbt_environment(settings, home.dbt_target_dir)
    return started("dbt", words, home.dbt_target_dir, environment, subprocess.PIPE)


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


def test_every_macro_says_on_postgres_what_it_must(built: Built) -> None:
    """A macro that is wrong on every engine alike, which no comparison of engines shows."""
    environment = dbt_environment(built.settings, built.home.dbt_target_dir)
    assert not engine_macros.wrong(environment, built.home, "postgres", ZONE)


def test_every_cell_equals_duckdbs(built: Built) -> None:
    """Every relation, after a build from nothing, and an increment that was killed and started again."""
    found, cells = [], 0
    with read(built) as source, built.postgres.cursor() as cursor:
        relations = source.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_schema in ('staging', 'intermediate', 'marts', 'history') order by all"
        ).fetchall()
        relations = [each for each in relations if each[1] not in RECORDS]
        for schema, name in relations:
            columns = compared_columns(source, schema, name)
            query = f"select {', '.join(columns)} from {schema}.{name}"
            cursor.execute(query)
            here = Counter(plain(row) for row in source.execute(query).fetchall())
            there = Counter(plain(row) for row in cursor.fetchall())
            cells += here.total() * len(columns)
            if here != there:
                found.append(
                    f"{schema}.{name}: {next(iter(here - there), None)}, {next(iter(there - here), None)}"
                )
    assert not found, "\n".join(found)
    assert len(relations) >= 87 and cells > 100_000


def test_readers_see_the_marts_and_nothing_else(built: Built) -> None:
    """A grant that is missing after a table was made anew, or one too many."""
    from psycopg2.errors import InsufficientPrivilege

    with built.postgres.cursor() as cursor:
        cursor.execute("select schemaname, tablename from pg_tables where tableowner = 'callmart_loader'")
        tables = cursor.fetchall()
    assert {schema for schema, _ in tables} == {"ccaip", "seeds", "intermediate", "marts", "history"}
    with built.reader.cursor() as cursor:
        for schema, name in tables:
            if schema == "marts":
                cursor.execute(f"select * from marts.{name} limit 1")
            else:
                with pytest.raises(InsufficientPrivilege):
                    cursor.execute(f"select * from {schema}.{name} limit 1")
        with pytest.raises(InsufficientPrivilege):
            cursor.execute("delete from marts.mart_service_level")


def test_metrics_on_postgres_are_duckdbs(built: Built) -> None:
    """What MetricFlow writes for Postgres. On DuckDB its metrics equal the marts: tests/semantic."""
    from tests.semantic.layer import Layer

    manifest = Home(parse_of_project()).dbt_target_dir / "semantic_manifest.json"
    with ExitStack() as opened:
        here = Layer(manifest, built.duckdb)
        opened.callback(here.close)
        there, compared = Layer(built.home.dbt_target_dir / "semantic_manifest.json", built.postgres), 0
        for comparison in COMPARISONS:
            known = [name for name in comparison.metrics if name in here.metrics]
            told = _by_date(there.ask(known, comparison.keys))
            expected = _by_date(here.ask(known, comparison.keys))
            assert told.keys() == expected.keys(), comparison
            for name in known:
                assert not differences(name, told, expected), name
                compared += len(expected)
    assert compared > 1_000


def _by_date(cells: dict[tuple[Any, ...], Any]) -> dict[tuple[Any, ...], Any]:
    """Cells whose days are dates: what Postgres truncates to the day, it makes a midnight."""
    return {
        tuple(
            part.date() if isinstance(part, datetime) and part.time() == time() else part for part in key
        ): cell
        for key, cell in cells.items()
    }


def test_every_column_is_reflected_with_its_comment(built: Built, postgres_server: PostgresServer) -> None:
    """A BI tool that shows other types than on DuckDB, or no descriptions."""
    engine = create_engine(postgres_server.url(built.postgres.info.dbname), poolclass=NullPool)
    assert check_columns(engine) > 700


def compared_columns(source: duckdb.DuckDBPyConnection, schema: str, name: str) -> list[str]:
    """The columns of a relation that are the same on every engine, sorted."""
    query = "select column_name from information_schema.columns where table_schema = ? and table_name = ? order by 1"
    found = source.execute(query, [schema, name]).fetchall()
    return [column for (column,) in found if column not in NOT_COMPARED]


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
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
