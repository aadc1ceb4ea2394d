"""The same pages on Postgres: a centre's marts on both engines, and each panel asked of both."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from starlette.datastructures import QueryParams

from dashboard.app import create_app
from dashboard.pages import PAGES
from dashboard.panels import PANELS, sql
from dashboard.reader import PublishedCopy, Row, Warehouse
from dashboard.view import View
from pipelines.settings import Settings
from tests.dashboard.conftest import served
from tests.dashboard.test_numbers import CHOICES
from tests.postgres import PostgresServer, skip_without_postgres

pytestmark = pytest.mark.slow

TYPES = {"DOUBLE": "double precision", "VARCHAR": "text"}


@pytest.fixture(scope="module")
def warehouse(copy: Path, postgres_server: PostgresServer, tmp_path_factory) -> Iterator[Settings]:
    """A Postgres database with the marts of the published copy."""
    skip_without_postgres()
    folder = tmp_path_factory.mktemp("marts")
    with postgres_server.database() as name:
        copy_marts(copy, postgres_server.url(name), folder)
        yield Settings(
            folder / "unused", destination="postgres", credentials=postgres_server.credentials(name)
        )


def copy_marts(copy: Path, url: str, folder: Path) -> None:
    import psycopg2

    with (
        duckdb.connect(str(copy), read_only=True) as source,
        closing(psycopg2.connect(url.replace("+psycopg2", ""))) as target,
        target.cursor() as cursor,
    ):
        source.execute("set TimeZone = 'UTC'")
        cursor.execute("set timezone to 'UTC'; create schema ccaip; create schema marts")
        for (table,) in source.execute("select table_name from duckdb_tables()").fetchall():
            found = source.execute(
                "select column_name, data_type from duckdb_columns() where table_name = ? order by column_index",
                [table],
            ).fetchall()
            columns = ", ".join(f'"{name}" {TYPES.get(kind, kind)}' for name, kind in found)
            cursor.execute(f'create table marts."{table}" ({columns})')
            file = folder / f"{table}.csv"
            source.execute(f"copy marts.\"{table}\" to '{file}' (header false)")
            cursor.copy_expert(
                f'copy marts."{table}" from stdin with csv', io.StringIO(file.read_text(encoding="utf-8"))
            )
        target.commit()


def comparable(rows: list[Row]) -> list[dict[str, Any]]:
    return [{name: _comparable(value) for name, value in row.items()} for row in rows]


def _comparable(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if isinstance(value, datetime) else value


@pytest.mark.parametrize("name", [*PANELS, "extent", "selection", "choice_queues", "choice_call_types"])
def test_a_panel_says_the_same_on_both_engines(copy, warehouse, name) -> None:
    for choice in CHOICES.values():
        pairs = [
            (key, each)
            for key, value in choice.query.items()
            for each in (value if isinstance(value, list) else [value])
        ]
        view = View.read(QueryParams(pairs), choice.from_date, choice.to_date, 1)
        with PublishedCopy(copy).snapshot() as here, Warehouse(warehouse).snapshot() as there:
            expected, found = (comparable(each.rows(sql(name), view.parameters)) for each in (here, there))
        assert len(found) == len(expected)
        for mine, other in zip(by_text(found), by_text(expected), strict=True):
            assert mine == pytest.approx(other)


def by_text(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In an order that does not depend on how an engine sorts text, or rounds."""
    return sorted(
        rows, key=lambda row: [str(value) for value in row.values() if not isinstance(value, float)]
    )


def test_every_page_is_served_from_postgres(warehouse) -> None:
    with served(create_app(Warehouse(warehouse))) as address:
        for page in PAGES:
            assert httpx.get(address + page.path, timeout=60).status_code == 200
