"""The pages of one window → one chunk of tables, ready to land.

Calls are exploded in batches while the next pages are still on their way, so that a window's JSON is
never in memory as a whole. Where a call was read twice (it moved while the window was read), only
its newest version stays, in every table.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
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

_BATCH = 2_000  # calls; about 20 MB of JSON

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
    """Calls that were exploded: when each changed, by key, and what became of them."""

    changed: dict[str, datetime | None]
    exploded: Exploded
    refused: dict[str, tuple[Rejected, FetchedCall]]


class Gatherer:
    """Gathers windows, one after the other. Close it, or use it in a `with` block."""

    def __init__(self) -> None:
        self._exploder = Exploder()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="explode")
        self._cancelled = threading.Event()

    def __enter__(self) -> Gatherer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._exploder.close()

    def cancel(self) -> None:
        """Let a `gather` in another thread end, by `CancelledError`, at its next page."""
        self._cancelled.set()

    def gather(self, window: Window, pages: Iterable[list[FetchedCall]], stage: Stage) -> Chunk:
        """The calls of `window`, given page by page; `stage` is told of every page."""
        running: list[Future[_Batch]] = []
        waiting: dict[str, FetchedCall] = {}
        fetched = 0
        for page in pages:
            if self._cancelled.is_set():
                raise CancelledError
            fetched += len(page)
            stage.advance(len(page))
            for call in page:
                key = _key(call)
                if key not in waiting or _is_newer(call.updated_at, waiting[key].updated_at):
                    waiting[key] = call
            if len(waiting) >= _BATCH:
                if running:
                    running[-1].result()  # or bodies would pile up faster than they are read
                running.append(self._thread.submit(self._explode, waiting))
                waiting = {}
        running.append(self._thread.submit(self._explode, waiting))
        return _combine(window, [batch.result() for batch in running], fetched)

    def _explode(self, calls: dict[str, FetchedCall]) -> _Batch:
        exploded = self._exploder.explode([call.body for call in calls.values()])
        keys = list(calls)
        return _Batch(
            {key: call.updated_at for key, call in calls.items()},
            exploded,
            {keys[each.number]: (each, calls[keys[each.number]]) for each in exploded.rejected},
        )


def _combine(window: Window, batches: list[_Batch], fetched: int) -> Chunk:
    parts: dict[str, list[pa.Table]] = {name: [] for name in (*TABLES, REJECTED_CALLS.name)}
    unknown: Counter[tuple[str, str]] = Counter()
    rejected = 0
    for batch, old in zip(batches, _superseded(batches), strict=True):
        for name, table in batch.exploded.tables.items():
            parts[name].append(_without(table, "call_id" if TABLES[name].parent else "id", old))
        refused = {key: why for key, why in batch.refused.items() if key not in old}
        rejected += len(refused)
        parts[REJECTED_CALLS.name].append(_rejected_table(window, refused, parts["calls"][-1]))
        unknown.update(batch.exploded.unknown_keys)
    tables = {name: pa.concat_tables(each) for name, each in parts.items()}
    return Chunk(window, tables, tables["calls"].num_rows, rejected, fetched, dict(unknown))


def _superseded(batches: list[_Batch]) -> list[set[str]]:
    """For each batch, the calls of which another batch has a newer version."""
    newest: dict[str, tuple[int, datetime | None]] = {}
    old: list[set[str]] = [set() for _ in batches]
    for number, batch in enumerate(batches):
        for key, changed in batch.changed.items():
            if key in newest and not _is_newer(changed, newest[key][1]):
                old[number].add(key)
                continue
            if key in newest:
                old[newest[key][0]].add(key)
            newest[key] = (number, changed)
    return old


def _without(table: pa.Table, column: str, keys: set[str]) -> pa.Table:
    ids = pa.array([int(key) for key in keys if key.lstrip("-").isdigit()], pa.int64())
    return table.filter(pc.invert(pc.is_in(table[column], ids))) if len(ids) else table


def _rejected_table(
    window: Window, refused: dict[str, tuple[Rejected, FetchedCall]], good: pa.Table
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
        for key, (why, call) in refused.items()
    ]
    read = pa.table(
        {"call_key": good["id"].cast(pa.string()), DELETED: pa.repeat(pa.scalar(True), good.num_rows)}
    )
    return pa.concat_tables([pa.Table.from_pylist(rows, _REJECTED_SCHEMA), read], promote_options="default")


def _key(call: FetchedCall) -> str:
    """What tells one call from another: its id, or a fingerprint where even that is unreadable."""
    return call.id if call.id is not None else "sha256:" + hashlib.sha256(call.body).hexdigest()


def _is_newer(changed: datetime | None, than: datetime | None) -> bool:
    """Whether a version read later replaces one read before; the API never goes back by itself."""
    return changed is None or than is None or changed >= than
