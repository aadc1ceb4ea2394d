"""Queries and manual changes of a warehouse for tests. One DuckDB instance opens all files, because creating an instance takes
longer than most queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb


@contextmanager
def opened(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to the file for the block, in UTC."""
    with _attached(file, "(read_only)") as connection:
        yield connection


def ask(file: Path, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with opened(file) as connection:
        return connection.execute(query).fetchall()


def change(file: Path, statements: str) -> None:
    """Change the file, like a user with a SQL client."""
    with _attached(file, "") as connection:
        connection.execute(statements)


@contextmanager
def _attached(file: Path, options: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Attach the file under its stem, because views name their catalog."""
    with _duckdb().cursor() as connection:
        connection.execute(f"attach '{file}' as \"{file.stem}\" {options}")
        try:
            connection.execute(f'use "{file.stem}"')
            yield connection
        finally:
            connection.execute("use nowhere")
            connection.execute(f'detach "{file.stem}"')


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set global timezone = 'UTC'")
    # the instance's own database has the name `memory`, which could hide a schema
    connection.execute("attach ':memory:' as nowhere; use nowhere; detach memory")
    return connection
