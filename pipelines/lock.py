"""One callmart at a time per home: two loads would conflict over dlt's state and DuckDB's single writer.

The operating system holds the lock on `<root>/var/callmart.lock` and releases it when the process ends, also
after `kill -9` or a power cut. A second file names the holder for the error message. It may be stale or
missing and decides nothing.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.errors import LockedError
from pipelines.home import Home


@dataclass(frozen=True)
class Holder:
    """Who holds the lock: `command` is callmart's, `since` an ISO instant in UTC."""

    pid: int
    command: str
    host: str
    since: str

    def __str__(self) -> str:
        return f"`callmart {self.command}`, process {self.pid} on {self.host}, since {self.since}"


@contextmanager
def locked(home: Home, command: str) -> Iterator[None]:
    """Hold the home's lock for the block. Raises `LockedError` at once when another process has it."""
    lock = FileLock(home.lock_file, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = read_holder(home)
        raise LockedError(
            f"Another callmart is running in {home.root}: {holder or 'its command is not known yet'}.",
            "Nothing was changed. Run this again when it has ended; a scheduler can wait for its next run. "
            "To run both at the same time, use another folder: --project-dir or CALLMART_HOME.",
        ) from None
    try:
        _write_holder(home, command)
        yield
    finally:
        _holder_file(home).unlink(missing_ok=True)
        lock.release()


def read_holder(home: Home) -> Holder | None:
    """The process that wrote the holder file last; None if there is none or it cannot be read."""
    try:
        return Holder(**json.loads(_holder_file(home).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _holder_file(home: Home) -> Path:
    return home.lock_file.with_suffix(".holder.json")


def _write_holder(home: Home, command: str) -> None:
    holder = Holder(os.getpid(), command, socket.gethostname(), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    draft = _holder_file(home).with_suffix(".tmp")
    draft.write_text(json.dumps(asdict(holder)))
    draft.replace(_holder_file(home))  # atomic: no reader sees half of it
