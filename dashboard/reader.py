"""Where the rows come from: the published DuckDB copy, or a warehouse with a server through SQLAlchemy.

Both give a `Snapshot`: one consistent state of the marts, which a page keeps for all its queries.

SQL has parameters as `:name`. A statement may leave parameters out that it does not need.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import duckdb

from pipelines.errors import CallmartError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pipelines.settings import Settings

Row = dict[str, Any]

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")
_MEMORY = "24MB"
"""Half as much again as any query of a page needs for 44 weeks of a million calls."""

_MOST_MEMORY = "512MB"
"""The limit for a single query that needs more."""

_THREADS = 1


class Snapshot(Protocol):
    """One state of the marts."""

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of a query, with its parameters bound."""
        ...


class Reader(Protocol):
    """Gives snapshots."""

    pages_at_once: int
    """How many pages are worth making at the same time."""

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The marts as they are now. Raises `CallmartError` when there are none."""
        ...


class PublishedCopy:
    """The file that `callmart publish` writes, and replaces while it is being read.

    DuckDB keeps reading a file that was replaced, so the copy is attached again when the path has another file. Pages read
    one after the other: then the memory of one page is all that the server needs, and no page meets a change of the file.
    """

    pages_at_once = 1  # a page is computed here, so a second at the same time would only take memory

    def __init__(self, copy: Path) -> None:
        self._copy = copy
        self._lock = threading.Lock()
        self._attached: _AttachedCopy | None = None

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        with self._lock:
            identity = self._identity()
            if self._attached is None or self._attached.identity != identity:
                if self._attached is not None:
                    self._attached.close()
                self._attached = None  # nothing is attached if what follows fails
                self._attached = _AttachedCopy(self._copy, identity)
            yield self._attached

    def _identity(self) -> tuple[int, ...]:
        try:
            found = self._copy.stat()
        except FileNotFoundError:
            raise CallmartError(
                f"There is no published copy at {self._copy} yet.",
                "Create one with `callmart publish`; `callmart run` and `callmart demo` do so at their end.",
            ) from None
        return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


class _AttachedCopy:
    """One version of the copy, attached read-only to a DuckDB in memory that can open nothing else."""

    def __init__(self, copy: Path, identity: tuple[int, ...]) -> None:
        self.identity = identity
        limits: dict[str, Any] = {"memory_limit": _MEMORY, "threads": _THREADS, "temp_directory": ""}
        self._connection = duckdb.connect(config=limits)
        path = os.fspath(copy).replace("'", "''")  # `attach` takes no parameter
        try:
            self._connection.execute(f"attach '{path}' as callmart (read_only)")
        except duckdb.Error as error:
            raise CallmartError(
                f"{copy} cannot be opened as a DuckDB file of the marts.",
                "Publish again with `callmart publish`; if that does not help, see the log.",
            ) from error
        self._connection.execute("set global TimeZone = 'UTC'")
        self._connection.execute("set enable_external_access = false")

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        try:
            return self._fetched(sql, parameters)
        except duckdb.OutOfMemoryException:
            self._limit_memory(_MOST_MEMORY)
            try:
                return self._fetched(sql, parameters)
            finally:
                self._limit_memory(_MEMORY)

    def close(self) -> None:
        self._connection.close()

    def _limit_memory(self, limit: str) -> None:
        self._connection.execute(f"set global memory_limit = '{limit}'")

    def _fetched(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        statement = _PARAMETER.sub(r"$\1", sql)
        with self._connection.cursor() as cursor:
            cursor.execute("use callmart")
            cursor.execute(statement, _used(sql, parameters))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Warehouse:
    """The marts of a warehouse with a server, read where they are. The queries are written for DuckDB and Postgres."""

    pages_at_once = 2  # the server of the warehouse computes, and pages wait for it

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        # imported here, because a reader of a copy does not need it and the memory it takes
        from pipelines.warehouse.connect import reading

        with reading(self._settings) as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            yield _Transaction(connection)


class _Transaction:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        from sqlalchemy import text

        found = self._connection.execute(text(sql), _used(sql, parameters))
        return [dict(row) for row in found.mappings()]


def _used(sql: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a statement names: DuckDB refuses others."""
    return {name: parameters[name] for name in _PARAMETER.findall(sql)}
