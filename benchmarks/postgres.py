"""`python -m benchmarks.postgres [--calls N] [--folder FOLDER]`: builds on Postgres beside the same builds on DuckDB.

The raw tables of `benchmarks.scale` are copied to a Postgres server on this machine. On both engines the marts are built
in full, and by increments of the same 1,000 changed calls. What is compared is wall time, because the server's CPU is
not the command's. The server does not wait for the disk and sorts in 256 MB; the rest are its defaults.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import psycopg2

from benchmarks.raw_tables import change, platform
from benchmarks.scale import Warehouse
from pipelines.ccaip.schema import LOAD_ID
from pipelines.ccaip.tables import TABLES
from tests.marts.test_postgres import copy_raw
from tests.postgres import PostgresServer, running_server

MILLION = 1_000_000
TARGET = 3
_MEMORY = {"work_mem": "256MB", "max_wal_size": "8GB"}


def measure(calls: int, folder: Path) -> None:
    """Print the seconds of each build on both engines, and their ratio."""
    with platform() as served, running_server() as server:
        duckdb_home = Warehouse(folder / str(calls), served)
        duckdb_home.write(calls)
        with _database(server) as (name, connection):
            copy_raw(duckdb_home.home.warehouse, connection)
            (folder / f"postgres-{calls}").mkdir(exist_ok=True)
            homes = (
                duckdb_home,
                Warehouse(folder / f"postgres-{calls}", served, _variables(server, name)),
            )
            for home in homes:
                home.run("dbt", "parse")
            _compare(homes, "full rebuild", "--full-refresh")
            for what in ("first increment", "increment of 1,000"):
                _change(duckdb_home.home.warehouse, connection)
                _compare(homes, what)


def _compare(homes: tuple[Warehouse, Warehouse], what: str, *options: str) -> None:
    here, there = (home.run("transform", *options).seconds for home in homes)
    print(
        f"{what:20} DuckDB {here:8.1f} s   Postgres {there:8.1f} s   ratio {there / here:5.2f} (target {TARGET})",
        flush=True,
    )


def _change(warehouse: Path, connection: Any) -> None:
    """Change the same 1,000 calls on both engines."""
    load_id = f"changed-{uuid4().hex}"
    change(warehouse, load_id)
    with duckdb.connect(str(warehouse), read_only=True) as source:
        changed = f"select id from ccaip.calls where {LOAD_ID} = '{load_id}'"
        ids = [call_id for (call_id,) in source.execute(changed).fetchall()]
    with connection.cursor() as cursor:
        for name, table in TABLES.items():
            key = "call_id" if table.parent else "id"
            cursor.execute(f"update ccaip.{name} set {LOAD_ID} = %s where {key} = any(%s)", [load_id, ids])
        cursor.execute(
            "update ccaip.queue_durations set queue_duration = queue_duration + 1 where call_id = any(%s)",
            [ids],
        )
        cursor.execute(
            "insert into ccaip._dlt_loads (load_id, schema_name, status, inserted_at, schema_version_hash)"
            " select %s, schema_name, status, inserted_at + interval '1 hour', schema_version_hash"
            " from ccaip._dlt_loads order by inserted_at desc limit 1",
            [load_id],
        )


@contextmanager
def _database(server: PostgresServer) -> Iterator[tuple[str, Any]]:
    """An empty database of the server, and a connection to it."""
    with closing(psycopg2.connect(server.url("postgres").replace("+psycopg2", ""))) as administering:
        administering.autocommit = True
        with administering.cursor() as cursor:
            for name, value in _MEMORY.items():
                cursor.execute(f"alter system set {name} = '{value}'")
            cursor.execute("select pg_reload_conf()")
    with (
        server.database() as name,
        closing(psycopg2.connect(server.url(name).replace("+psycopg2", ""))) as connection,
    ):
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("set timezone to 'UTC'")
        yield name, connection


def _variables(server: PostgresServer, database: str) -> dict[str, str]:
    """The settings of a home on Postgres."""
    credentials = server.credentials(database)
    return {"DESTINATION__NAME": "postgres"} | {
        f"DESTINATION__POSTGRES__CREDENTIALS__{name.upper()}": str(value)
        for name, value in credentials.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.postgres", description=__doc__)
    parser.add_argument("--calls", type=int, default=MILLION, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, help="where to keep the warehouse; default: nowhere")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(options.calls, options.folder or Path(name))


if __name__ == "__main__":
    main()
