"""What tests ask of a warehouse, and do to it by hand. One DuckDB of this process opens all files: to make one takes
longer than most questions do.
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
    """A connection for the block that reads the file, in UTC."""
    with _attached(file, "(read_only)") as connection:
        yield connection


def ask(file: Path, query: str) -> list[tuple[Any, ...]]:
    """The rows of an answer."""
    with opened(file) as connection:
        return connection.execute(query).fetchall()


def change(file: Path, statements: str) -> None:
    """What somebody does to the file with a client of their own."""
    with _attached(file, "") as connection:
        connection.execute(statements)


@contextmanager
def _attached(file: Path, options: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """By the name that it has when it is opened alone: views name their catalog."""
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
    # its own database is called as a schema of the warehouse's is
    connection.execute("attach ':memory:' as nowhere; use nowhere; detach memory")
    return connection
