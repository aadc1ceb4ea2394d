"""The warehouse as a DuckDB file: open it for writing, and distinguish a lock from damage.

DuckDB allows one writing process or many readers. Without an open connection dlt would open and close the file
for every job, each time with a checkpoint. So callmart opens it once and shares the connection.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import tenacity
from duckdb_engine import ConnectionWrapper
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from pipelines.errors import CallmartError, ConfigurationError, LockedError

logger = logging.getLogger(__name__)

_MEMORY = "1GB"  # a limit: a query that needs more fails
_LOCK_TIMEOUT_SECONDS = 3.0  # the process of a killed run may still be exiting
_OWNER_ONLY = 0o600  # calls are personal data
_LOCKED = "Could not set lock on file"
_DAMAGED = ("corrupt", "checksum", "serialization", "not a valid duckdb database", "failed to deserialize")

SESSION = (
    "set global timezone = 'UTC'",
    f"set memory_limit = '{_MEMORY}'",
    "set enable_progress_bar = false",  # it would interfere with callmart's own progress display
    # rows of the log are also held in memory until a checkpoint; dlt would set 1 GB
    "set checkpoint_threshold = '16MB'",
    # a second thread doubles the rows in flight; the other core reads and parses the next package meanwhile
    "set threads = 1",
)
"""Statements for every writing session. Not connection options: all connections of one process to one file
must have equal options."""


@contextmanager
def writing(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for writing, in UTC; create it, readable by its owner only, if it does not exist.

    Raises `LockedError` when another program has it open, `CallmartError` when the file is damaged.
    """
    with file_errors(warehouse):
        prepare(warehouse)
        connection = open_for_writing(warehouse)
        try:
            yield connection
        finally:
            connection.close()


def prepare(warehouse: Path) -> None:
    """Create the folder of the warehouse."""
    warehouse.parent.mkdir(parents=True, exist_ok=True)


def is_lock_error(error: BaseException) -> bool:
    """Whether DuckDB or SQLAlchemy says that another process has the file open."""
    return _LOCKED in str(error)


@tenacity.retry(
    retry=tenacity.retry_if_exception(is_lock_error),
    stop=tenacity.stop_after_delay(_LOCK_TIMEOUT_SECONDS),
    wait=tenacity.wait_fixed(0.2),
    reraise=True,
)
def open_for_writing(warehouse: Path) -> duckdb.DuckDBPyConnection:
    """An open connection with the settings of a writer. Waits a moment for a lock to be released."""
    connection = duckdb.connect(str(warehouse))
    restrict(warehouse)
    for statement in SESSION:
        connection.execute(statement)
    return connection


def dlt_credentials(connection: duckdb.DuckDBPyConnection) -> Any:
    """dlt's credentials for an open file. dlt has its own settings; `SESSION` is applied after them."""
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    return DuckDbCredentials(connection, statements=list(SESSION))


def engine_on(connection: duckdb.DuckDBPyConnection) -> Engine:
    """An SQLAlchemy engine that connects to a file that is already open.

    duckdb-engine would open the file with its own options, and all connections of one process to one file
    must have equal options.
    """
    return create_engine(
        "duckdb://", creator=lambda: ConnectionWrapper(connection.cursor()), poolclass=NullPool
    )


def reading_engine(warehouse: Path) -> Engine:
    """A read-only SQLAlchemy engine in UTC on a file, which must exist."""
    engine = create_engine(
        URL.create("duckdb", database=str(warehouse)),
        connect_args={"read_only": True},
        poolclass=NullPool,  # a pooled connection would keep the file open and block the next load
    )
    event.listen(engine, "connect", _begin_reading)
    return engine


def _begin_reading(connection: Any, _: Any) -> None:
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")  # it would stand in the output of `--json`


def restrict(warehouse: Path) -> None:
    """Make the file readable by its owner only. If the mount (CIFS, FUSE) refuses this, a warning is logged."""
    try:
        warehouse.chmod(_OWNER_ONLY)
    except OSError as error:
        logger.warning(
            "%s: its permissions cannot be changed (%s). It may be readable by other users of this machine.",
            warehouse,
            error.strerror,
        )


def differing_tables(
    connection: duckdb.DuckDBPyConnection, sent: Mapping[str, tuple[pa.Table, str]]
) -> set[str]:
    """The raw tables whose rows of one load are not the rows that were sent, even if their number is right.

    `sent` has the rows of each table and the condition that selects them in the warehouse. A commit that ran out of
    memory has been seen to store columns under other rows' ids.
    """
    differing = set()
    for name, (rows, condition) in sent.items():
        columns = ", ".join(
            f'"{field.name}"::varchar' if pa.types.is_string(field.type) else f'"{field.name}"'
            for field in rows.schema
        )
        total = f"select sum(hash({columns})::hugeint) from"
        connection.register("sent", rows)
        try:
            query = f"select ({total} sent) is distinct from ({total} ccaip.{name} where {condition})"
            found = connection.execute(query).fetchone()
        finally:
            connection.unregister("sent")
        if found and found[0]:
            differing.add(name)
    return differing


@contextmanager
def file_errors(warehouse: Path) -> Iterator[None]:
    """Raise DuckDB's errors about the file itself as `CallmartError`; other errors are not changed."""
    try:
        yield
    except (duckdb.Error, DBAPIError) as error:
        told = file_error(warehouse, error)
        if told is None:
            raise
        raise told from None


@contextmanager
def reading_errors(warehouse: Path) -> Iterator[None]:
    """The same for a reader, for whom a lock means that the file is being written."""
    try:
        with file_errors(warehouse):
            yield
    except LockedError:
        raise LockedError(
            f"{warehouse} is being written by another process, and DuckDB does not allow readers meanwhile.",
            "Try again when the load or the transform has ended.",
        ) from None


def file_error(warehouse: Path, error: BaseException) -> CallmartError | None:
    """The error for a problem with the file itself; None for any other."""
    said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    if _LOCKED in said:
        return LockedError(
            f"Another program has {warehouse} open ({_holder(said)}).",
            "Close it there (a SQL client, a notebook, a dashboard) and run this again. Readers can use the "
            "published copy.",
        )
    if "Permission denied" in said:
        return ConfigurationError(
            f"This user has no permission to open {warehouse}.",
            "Run callmart as the file's owner, or give this user the file and its folder.",
        )
    original = error.orig if isinstance(error, DBAPIError) else error
    of_the_file = isinstance(
        original, (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)
    )  # fmt: skip
    if of_the_file and any(word in said.lower() for word in _DAMAGED):
        return CallmartError(
            f"{warehouse} is damaged, or is not a DuckDB file: {said.splitlines()[0]}",
            "Restore it from a backup, or move it away and load again: `callmart load` creates a new one.",
        )
    return None


def _holder(message: str) -> str:
    """DuckDB names the process in its message: `Conflicting lock is held in /usr/bin/x (PID 12)`."""
    _, _, tail = message.partition("held in ")
    return tail.partition(")")[0] + ")" if tail else "unknown process"
