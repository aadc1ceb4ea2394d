"""The ledger `ccaip.load_windows`: what was asked for, what came, and whether it is in the warehouse.

    planned → (fetched, landed) unverified → complete | short | mismatch
                               → failed

A row lands in the package of the calls it tells of. What is not `complete` is asked for again by the
next load, a few times; so a window that cannot land holds up no other, and is not forgotten either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.ccaip.fetch import WindowRead
from pipelines.ccaip.gather import Package
from pipelines.ccaip.schema import NAME, record_schema
from pipelines.ccaip.tables import LOAD_WINDOWS
from pipelines.ccaip.windows import Window

MOST_ATTEMPTS = 5
"""How often a window is asked for before it is left to `callmart status` and `callmart reconcile`."""

REPEATABLE = ("tail", "overlap", "backfill")
"""Whose windows stay open: the future is asked each time, a heal by whoever wanted it."""


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of a chunk: `calls` and `new_versions` count by window, in the order of its reads.

    `oldest_new_at` is the oldest `updated_at` (UTC) of each window's new versions, None where it has none.
    """

    load_id: str
    calls: list[int]
    new_versions: list[int]
    oldest_new_at: list[datetime | None]
    problems: list[str]

    def verdicts(self, chunk: Package) -> list[str]:
        """The verdict on each window."""
        if self.problems:
            return ["mismatch"] * len(chunk.reads)
        return ["short" if read.is_short else "complete" for read in chunk.reads]


def planned(windows: Iterable[Window]) -> pa.Table:
    """Rows for windows that are yet to be asked for."""
    return _table([_window(window) | {"verdict": "planned"} for window in windows])


def fetched(chunk: Package) -> pa.Table:
    """Rows for the windows of a chunk that is about to land."""
    rows = [
        _read(read) | {"rejected": rejected, "verdict": "unverified"}
        for read, rejected in zip(chunk.reads, chunk.rejected, strict=True)
    ]
    return _table(rows)


def failed(chunk: Package, note: str) -> pa.Table:
    """Rows for the windows of a chunk that could not land. `note` says why and holds nothing personal."""
    return _table([_read(read) | {"verdict": "failed", "note": note} for read in chunk.reads])


def settle(connection: duckdb.DuckDBPyConnection, chunk: Package, landed: Landed) -> None:
    """Write what was found in the warehouse after landing, and the verdict."""
    for read, rejected, calls, new, oldest, verdict in zip(
        chunk.reads,
        chunk.rejected,
        landed.calls,
        landed.new_versions,
        landed.oldest_new_at,
        landed.verdicts(chunk),
        strict=True,
    ):
        found = {
            "landed": calls,
            "superseded": len(read.keys) - rejected - calls,
            "new_versions": new,
            "oldest_new_at": oldest,
            "load_id": landed.load_id,
            "verdict": verdict,
            "note": "; ".join(landed.problems),
        }
        connection.execute(
            f"update {NAME}.{LOAD_WINDOWS.name} set {', '.join(f'{name} = ?' for name in found)}"
            " where window_id = ? and attempt = ?",
            [*found.values(), read.window.window_id, read.window.attempt],
        )


def open_windows(connection: duckdb.DuckDBPyConnection) -> list[Window]:
    """The windows that are to be asked for again, oldest first."""
    rows = connection.execute(
        f"""select window_id, window_from, window_until, counted_before, why, attempt, verdict
            from {NAME}.{LOAD_WINDOWS.name}
            qualify attempt = max(attempt) over (partition by window_id)
            order by window_from, window_until"""
    ).fetchall()
    return [
        Window(since, until, expected, why, window_id, attempt + (verdict != "planned"))
        for window_id, since, until, expected, why, attempt, verdict in rows
        if why in REPEATABLE and verdict != "complete" and attempt < MOST_ATTEMPTS
    ]


def _window(window: Window) -> dict[str, Any]:
    return {
        "window_id": window.window_id,
        "attempt": window.attempt,
        "why": window.why,
        "window_from": window.since,
        "window_until": window.until,
        "counted_before": window.expected,
    }


def _read(read: WindowRead) -> dict[str, Any]:
    return _window(read.window) | {
        "counted_after": read.counted_after,
        "fetched": read.fetched,
        "distinct_calls": len(read.keys),
        "newest_change_at": read.newest,
        "requests": read.counts.requests,
        "retries": read.counts.retries,
        "throttled": read.counts.throttled,
        "bytes": read.counts.bytes,
        "started_at": read.started_at,
        "finished_at": read.finished_at,
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), record_schema(LOAD_WINDOWS))
