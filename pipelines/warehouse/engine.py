"""A read-only SQLAlchemy engine on the warehouse: how callmart itself reads what it wrote.

Read-only, so that looking never keeps a load out for longer than the look; UTC, because DuckDB shows
instants in the session's zone and a machine has some zone or other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from pipelines.errors import CallmartError, LockedError


def warehouse_engine(warehouse: Path) -> Engine:
    """An engine on the DuckDB file `warehouse`, which must exist."""
    engine = create_engine(
        URL.create("duckdb", database=str(warehouse)),
        connect_args={"read_only": True},
        poolclass=NullPool,  # a pooled connection would keep the file open, and the next load out
    )
    event.listen(engine, "connect", _in_utc)
    return engine


@contextmanager
def reading(warehouse: Path) -> Iterator[Connection]:
    """A read-only connection for the block.

    Raises `CallmartError` when there is no such file, and `LockedError` while another process writes it.
    """
    if not warehouse.exists():
        raise CallmartError(
            f"There is no warehouse at {warehouse} yet.",
            "Load calls first: `callmart run`. If it lies elsewhere, see [destination.duckdb] credentials.",
        )
    try:
        connection = warehouse_engine(warehouse).connect()
    except DBAPIError as error:
        raise _cannot_open(warehouse, str(error.orig)) from error
    with connection:
        yield connection


def _in_utc(connection: Any, _: Any) -> None:
    connection.execute("set TimeZone = 'UTC'")


def _cannot_open(warehouse: Path, said: str) -> CallmartError:
    if "Could not set lock on file" in said:
        return LockedError(
            f"{warehouse} is being written by another process: DuckDB lets nobody read meanwhile.",
            "Try again when the load or the transform has ended.",
        )
    return CallmartError(f"{warehouse} cannot be opened: {said}", "Is it a DuckDB file of version 1.5?")
