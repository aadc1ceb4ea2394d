"""The pages of one window → one chunk of tables, ready to land.

Calls are exploded in batches while the next pages are still on their way, so that a window's JSON is
never in memory as a whole. Where a call was read twice (it moved while the window was read), only
its newest version stays, in every table.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.client import FetchedCall
from pipelines.ccaip.explode import ARROW_TYPES, DELETED, Exploded, Exploder, Rejected
from pipelines.ccaip.tables import REJECTED_CALLS, TABLES
from pipelines.ccaip.windows import Window
from pipelines.progress import Stage

_BATCH = 2_500  # calls; about 25 MB of JSON
_THREADS = 2

_REJECTED_SCHEMA = pa.schema(
    [*((c.name, ARROW_TYPES[c.type]) for c in REJECTED_CALLS.columns), (DELETED, pa.bool_())]
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one dlt run lands: a window's calls as tables, `rejected_calls` among them.

    `calls` were read, `rejected` could not be, `fetched` counts versions as they came.
    `unknown_keys` counts undeclared keys by table and dotted path.
    """

    window: Window
    tables: dict[str, pa.Table]
    calls: int
    rejected: int
    fetched: int
    unknown_keys: dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Calls sent to be exploded, by key, and the tables they will become."""

    calls: dict[str, FetchedCall]
    exploded: Future[Exploded]


class Gatherer:
    """Gathers windows, one after the other. Close it, or use it in a `with` block."""

    def __init__(self) -> None:
        self._exploders = [Exploder() for _ in range(_THREADS)]
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="explode")
        self._cancelled = threading.Event()

    def __enter__(self) -> Gatherer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        for exploder in self._exploders:
            exploder.close()

    def cancel(self) -> None:
        """Let a `gather` in another thread end, by `CancelledError`, at its next page."""
        self._cancelled.set()

    def gather(self, window: Window, pages: Iterable[list[FetchedCall]], stage: Stage) -> Chunk:
        """The calls of `window`, given page by page; `stage` is told of every page."""
        batches: list[_Batch] = []
        waiting: dict[str, FetchedCall] = {}
        fetched = 0
        for page in pages:
            if self._cancelled.is_set():
                raise CancelledError
            fetched += len(page)
            stage.advance(len(page))
            for call in page:
                key = _key(call)
                if key not in waiting or _is_newer(call, waiting[key]):
                    waiting[key] = call
            if len(waiting) >= _BATCH:
                batches.append(self._explode(waiting))
                waiting = {}
        batches.append(self._explode(waiting))
        return _combine(window, batches, fetched)

    def _explode(self, calls: dict[str, FetchedCall]) -> _Batch:
        bodies = [call.body for call in calls.values()]
        return _Batch(calls, self._threads.submit(self._explode_in_thread, bodies))

    def _explode_in_thread(self, bodies: list[bytes]) -> Exploded:
        exploder = self._exploders.pop()  # as many as threads, so there always is one
        try:
            return exploder.explode(bodies)
        finally:
            self._exploders.append(exploder)


def _combine(window: Window, batches: list[_Batch], fetched: int) -> Chunk:
    superseded = _superseded(batches)
    parts: dict[str, list[pa.Table]] = {name: [] for name in (*TABLES, REJECTED_CALLS.name)}
    unknown: dict[tuple[str, str], int] = {}
    rejected = 0
    for batch, old in zip(batches, superseded, strict=True):
        exploded = batch.exploded.result()
        for name, table in exploded.tables.items():
            parts[name].append(_without(table, "call_id" if TABLES[name].parent else "id", old))
        calls = list(batch.calls.items())
        refused = [
            (*calls[each.number], each) for each in exploded.rejected if calls[each.number][0] not in old
        ]
        rejected += len(refused)
        parts[REJECTED_CALLS.name].append(_rejected_table(window, refused, parts["calls"][-1]))
        for path, count in exploded.unknown_keys.items():
            unknown[path] = unknown.get(path, 0) + count
    tables = {name: pa.concat_tables(each) for name, each in parts.items()}
    return Chunk(window, tables, tables["calls"].num_rows, rejected, fetched, unknown)


def _superseded(batches: list[_Batch]) -> list[set[str]]:
    """For each batch, the calls of which another batch has a newer version."""
    newest: dict[str, tuple[int, FetchedCall]] = {}
    old: list[set[str]] = [set() for _ in batches]
    for number, batch in enumerate(batches):
        for key, call in batch.calls.items():
            if key in newest and not _is_newer(call, newest[key][1]):
                old[number].add(key)
                continue
            if key in newest:
                old[newest[key][0]].add(key)
            newest[key] = (number, call)
    return old


def _without(table: pa.Table, column: str, keys: set[str]) -> pa.Table:
    ids = pa.array([int(key) for key in keys if key.lstrip("-").isdigit()], pa.int64())
    return table.filter(pc.invert(pc.is_in(table[column], ids))) if len(ids) else table


def _rejected_table(
    window: Window, refused: list[tuple[str, FetchedCall, Rejected]], good: pa.Table
) -> pa.Table:
    """The calls that were rejected, and a tombstone for each that was not: it may have been, before."""
    now = datetime.now(UTC)
    rows = [
        {
            "call_key": key,
            "reason": why.reason,
            "body": call.body.decode("utf-8", "replace"),
            "window_from": window.since,
            "window_until": window.until,
            "rejected_at": now,
        }
        for key, call, why in refused
    ]
    read = pa.table(
        {"call_key": good["id"].cast(pa.string()), DELETED: pa.repeat(pa.scalar(True), good.num_rows)}
    )
    return pa.concat_tables([pa.Table.from_pylist(rows, _REJECTED_SCHEMA), read], promote_options="default")


def _key(call: FetchedCall) -> str:
    """What tells one call from another: its id, or a fingerprint where even that is unreadable."""
    return call.id if call.id is not None else "sha256:" + hashlib.sha256(call.body).hexdigest()


def _is_newer(call: FetchedCall, than: FetchedCall) -> bool:
    """Whether a version read later replaces one read before; the API never goes back by itself."""
    if call.updated_at is None or than.updated_at is None:
        return True
    return call.updated_at >= than.updated_at
