"""Rows of the ledger `load_windows`: what was requested, what came, and the verdict.

    planned → unverified → complete | short | mismatch      (callmart checks what was loaded)
            → complete | short                              (the source alone, when dlt completes the load)
            → failed

A row is loaded in the same package as its calls; if they are loaded already, callmart writes it alone. A window that is not
`complete` is requested again, up to a limit, so that it neither blocks others nor is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.package import Package, WindowRead
from pipelines.ccaip.schema import record_schema
from pipelines.ccaip.tables import LOAD_WINDOWS
from pipelines.ccaip.windows import Window


def planned(windows: Iterable[Window]) -> list[dict[str, Any]]:
    """Rows for windows that are not requested yet."""
    return [_window(window) | {"verdict": "planned"} for window in windows]


def failed(package: Package, note: str) -> list[dict[str, Any]]:
    """Rows for the windows of a package that could not be loaded. `note` gives the reason, without personal data."""
    return [_read(read) | {"verdict": "failed", "note": note} for read in package.reads]


def nothing_new(package: Package) -> list[dict[str, Any]]:
    """Rows for windows whose calls are loaded already, so that no load is needed for them."""
    landed = _count(package.owners)
    return [
        _read(read)
        | {
            "rejected": 0,
            "landed": landed.get(place, 0),
            "superseded": len(read.keys) - landed.get(place, 0),
            "new_versions": 0,
            "verdict": verdict_of(read),
            "note": "",
        }
        for place, read in enumerate(package.reads)
    ]


def fetched(
    package: Package, versions: pa.Table, superseded: pa.Array, load_id: str, verdict: str | None
) -> pa.Table:
    """Rows for the windows of a package that is about to be loaded.

    `versions` has each call's `updated_at` and the one that the destination `had`; `superseded` are the ids of
    calls that are left out. Without a `verdict`, it is that of reading: `complete` or `short`.
    """
    out = pc.is_in(package.owners["id"], superseded)
    landed = _count(package.owners.filter(pc.invert(out)))
    is_new = pc.invert(pc.fill_null(pc.equal(versions["had"], versions["updated_at"]), False))
    new = package.owners.join(versions.filter(is_new), "id", join_type="inner")
    oldest = {
        row["window"]: row["updated_at_min"]
        for row in new.group_by("window").aggregate([("updated_at", "min")]).to_pylist()
    }
    count_new = _count(new)
    rows: list[Mapping[str, Any]] = []
    for place, (read, rejected) in enumerate(zip(package.reads, package.rejected, strict=True)):
        calls = landed.get(place, 0)
        rows.append(
            _read(read)
            | {
                "rejected": rejected,
                "landed": calls,
                "superseded": len(read.keys) - rejected - calls,
                "new_versions": count_new.get(place, 0),
                "oldest_new_at": oldest.get(place),
                "load_id": load_id,
                "verdict": verdict or verdict_of(read),
                "note": "",
            }
        )
    return _table(rows)


def verdict_of(read: WindowRead) -> str:
    """The verdict of reading a window."""
    return "short" if read.is_short else "complete"


def _count(owners: pa.Table) -> dict[int, int]:
    counts = owners.group_by("window").aggregate([("id", "count")])
    return {row["window"]: row["id_count"] for row in counts.to_pylist()}


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
    newest: datetime | None = read.newest
    return _window(read.window) | {
        "counted_after": read.counted_after,
        "fetched": read.fetched,
        "distinct_calls": len(read.keys),
        "newest_change_at": newest,
        "requests": read.counts.requests,
        "retries": read.counts.retries,
        "throttled": read.counts.throttled,
        "bytes": read.counts.bytes,
        "started_at": read.started_at,
        "finished_at": read.finished_at,
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), record_schema(LOAD_WINDOWS))
