"""The one writing connection to the warehouse file.

dlt opens and closes the file for every job unless it is handed an open connection: forty times a
chunk, each with a checkpoint, which is more work than the load itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import tenacity

from pipelines.errors import LockedError
from pipelines.home import make_private

_MEMORY = "1GB"  # a cap, not a need: what meets it fails
_PATIENCE_SECONDS = 3.0  # a killed run's process may still be on its way out


@contextmanager
def writing(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for writing, in UTC; make it, readable by its owner alone, when it is not there.

    Raises `LockedError` when another program has it open: DuckDB has one writer or many readers.
    """
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = _connect(warehouse)
    except duckdb.IOException as error:
        if not _is_locked(error):
            raise
        raise LockedError(
            f"Another program has {warehouse} open ({_holder(str(error))}).",
            "Close it there (a SQL client, a notebook, a dashboard), or let readers open it read-only "
            "between loads, then run this again.",
        ) from None
    try:
        make_private(warehouse)
        connection.execute("set global timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")  # in a notebook it would draw over our own
        yield connection
    finally:
        connection.close()


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, duckdb.IOException) and "lock" in str(error).lower()


@tenacity.retry(
    retry=tenacity.retry_if_exception(_is_locked),
    stop=tenacity.stop_after_delay(_PATIENCE_SECONDS),
    wait=tenacity.wait_fixed(0.2),
    reraise=True,
)
def _connect(warehouse: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(warehouse), config={"memory_limit": _MEMORY})


def _holder(message: str) -> str:
    """DuckDB names the process in its message: `Conflicting lock is held in /usr/bin/x (PID 12)`."""
    _, _, tail = message.partition("held in ")
    return tail.partition(")")[0] + ")" if tail else "it does not say which"
