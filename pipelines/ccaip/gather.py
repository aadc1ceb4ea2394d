"""The pages of some windows → one chunk of tables, ready to land.

Calls are exploded in batches while the next pages are still on their way, so that a chunk's JSON is
never in memory as a whole. Here the privacy policy is applied: what leaves this module may land. Where a call was read twice (it moved while the windows were read, or
stands on a seam), only its newest version stays, in every table.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from queue import LifoQueue
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.client import Client
from pipelines.ccaip.drift import Drift, notice
from pipelines.ccaip.fetch import Fetch, FetchedPage, WindowRead
from pipelines.ccaip.page import FetchedCall
from pipelines.ccaip.parse import ARROW_TYPES, Exploded, Exploder, Rejected, arrow_schema
from pipelines.ccaip.privacy.forgotten import NOBODY, Forgotten
from pipelines.ccaip.privacy.policy import PrivacyFilter
from pipelines.ccaip.privacy.redact import kept_body
from pipelines.ccaip.tables import REJECTED_CALLS, TABLES
from pipelines.ccaip.windows import Window
from pipelines.steps import reached

_READERS = 2  # threads, each with an exploder: while nothing lands there is a core for each
_BATCH = 1_700  # calls, about 16 MB of JSON; four batches make a chunk, so that no reader is left over

_REJECTED_SCHEMA = pa.schema([(c.name, ARROW_TYPES[c.type]) for c in REJECTED_CALLS.columns])

OWNERS_SCHEMA = pa.schema([("id", pa.int64()), ("window", pa.int64())])


@dataclass(frozen=True, slots=True)
class Package:
    """What lands together: some windows' calls as tables, `rejected_calls` among them.

    `reads` tells of each window; `rejected` counts, in the same order, the calls of each that could
    not be read. `owners` has, for every row of `calls`, the id and the place of its window; `readable`
    the keys of calls that are rejected no more, if they ever were; `removed` the ids of forgotten people's
    calls, which are to be nowhere.
    """

    reads: list[WindowRead]
    tables: dict[str, pa.Table]
    owners: pa.Table
    readable: pa.ChunkedArray
    removed: pa.ChunkedArray
    rejected: list[int]
    drift: Counter[Drift]

    @classmethod
    def empty(cls) -> Package:
        """A package of nothing, which makes the tables that are not there yet."""
        tables = {name: arrow_schema(table).empty_table() for name, table in TABLES.items()}
        tables[REJECTED_CALLS.name] = _REJECTED_SCHEMA.empty_table()
        keys, ids = pa.chunked_array([], pa.string()), pa.chunked_array([], pa.int64())
        return cls([], tables, OWNERS_SCHEMA.empty_table(), keys, ids, [], Counter())

    @property
    def calls(self) -> int:
        """How many calls it holds."""
        return self.tables["calls"].num_rows

    @property
    def is_by_id(self) -> bool:
        """Whether its calls were asked for by their ids, to be loaded whatever is loaded already."""
        return all(read.window.ids for read in self.reads)

    @property
    def cursor(self) -> datetime | None:
        """Up to when all changes are read once this is loaded (UTC); None when it says nothing of that."""
        return max((read.window.until for read in self._news()), default=None)

    @property
    def last_change(self) -> datetime | None:
        """The newest change that was read on the way to the cursor (UTC)."""
        return max((read.newest for read in self._news() if read.newest), default=None)

    def _news(self) -> list[WindowRead]:
        return [read for read in self.reads if read.window.why == "tail" and read.window.attempt == 1]

    def versions(self) -> dict[int, datetime]:
        """Each call's `updated_at` (UTC), by id."""
        calls = self.tables["calls"]
        return dict(zip(calls["id"].to_pylist(), calls["updated_at"].to_pylist(), strict=True))

    def without(self, ids: Iterable[int]) -> Package:
        """The package without these calls."""
        gone = pa.array(ids, pa.int64())
        if not len(gone):
            return self
        tables = {
            name: table.filter(pc.invert(pc.is_in(table[TABLES[name].key[0]], gone)))
            if name in TABLES
            else table
            for name, table in self.tables.items()
        }
        return replace(
            self, tables=tables, owners=self.owners.filter(pc.invert(pc.is_in(self.owners["id"], gone)))
        )


@dataclass(frozen=True, slots=True)
class _Version:
    """A call as a window has it."""

    call: FetchedCall
    window: int


@dataclass(frozen=True, slots=True)
class _Refused:
    """A call that could not be read: why, its window, and what is kept of its body."""

    reason: str
    window: int
    body: str | None
    whole: bool


@dataclass(frozen=True, slots=True)
class _Batch:
    """Calls that were exploded: the version of each, by key, and what became of it."""

    versions: dict[str, tuple[datetime | None, int]]
    exploded: Exploded
    removed: pa.Array
    refused: dict[str, _Refused]
    drift: Counter[Drift]


class Gatherer:
    """Gathers windows, chunk after chunk, keeps `forgotten` people out and applies `privacy`.

    Close it, or use it in a `with` block.
    """

    def __init__(
        self,
        privacy: PrivacyFilter,
        forgotten: Forgotten = NOBODY,
        on_page: Callable[[int], None] = lambda calls: None,
    ) -> None:
        self._on_page = on_page
        self._privacy = privacy
        self._forgotten = forgotten
        # each made when it is first needed: a small load needs one
        self._exploders: LifoQueue[Exploder | None] = LifoQueue()
        for _ in range(_READERS):
            self._exploders.put(None)
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="explode")
        self._cancelled = threading.Event()

    def __enter__(self) -> Gatherer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give threads and memory back."""
        self._threads.shutdown(cancel_futures=True)
        for _ in range(_READERS):
            if exploder := self._exploders.get():
                exploder.close()

    def cancel(self) -> None:
        """Let a `gather` in another thread end, by `CancelledError`, at its next page."""
        self._cancelled.set()

    def gather(self, windows: Sequence[Window], client: Client) -> Package:
        """The calls of `windows`."""
        fetch = Fetch(client, windows, self._cancelled)
        return self._gather(fetch.pages(), fetch.reads)

    def regather(self, pages: Iterable[list[FetchedCall]], window: Window) -> Package:
        """The same for calls that are already here, as though `window` had brought them."""
        read = WindowRead(window, started_at=datetime.now(UTC))

        def noted() -> Iterator[FetchedPage]:
            for calls in pages:
                read.note(calls)
                yield FetchedPage(0, calls)
            read.finished_at = datetime.now(UTC)

        return self._gather(noted(), [read])

    def _gather(self, pages: Iterable[FetchedPage], reads: list[WindowRead]) -> Package:
        running: list[Future[_Batch]] = []
        waiting: dict[str, _Version] = {}
        for page in pages:
            self._on_page(len(page.calls))
            for call in page.calls:
                old = waiting.get(call.key)
                if old is None or _is_newer(call.updated_at, old.call.updated_at):
                    waiting[call.key] = _Version(call, page.window)
            if len(waiting) >= _BATCH:
                if len(running) >= _READERS:
                    running[-_READERS].result()  # or bodies would pile up faster than they are read
                running.append(self._threads.submit(self._explode, waiting))
                waiting = {}
        if waiting or not running:
            running.append(self._threads.submit(self._explode, waiting))
        return _combine([batch.result() for batch in running], reads)

    def _explode(self, versions: dict[str, _Version]) -> _Batch:
        reached("explode")
        bodies = [version.call.json for version in versions.values()]
        exploded = self._with_keys(bodies, list(versions))
        drift = notice(exploded, bodies, self._privacy.policy)
        keys = list(versions)
        tables, removed = self._forgotten.apply(exploded.tables)
        return _Batch(
            {key: (version.call.updated_at, version.window) for key, version in versions.items()},
            replace(exploded, tables=self._privacy.apply(tables)),
            removed,
            {
                keys[each.number]: refused
                for each in exploded.rejected
                if (refused := self._refused(each.reason, versions[keys[each.number]]))
            },
            drift,
        )

    def _with_keys(self, bodies: Sequence[bytes], keys: Sequence[str]) -> Exploded:
        """The calls exploded. One whose id is another in its table than in its key is rejected: who knows whose it is."""
        exploded = self._exploded(bodies)
        rejected = {each.number for each in exploded.rejected}
        read = [number for number in range(len(bodies)) if number not in rejected]
        ids = exploded.tables["calls"]["id"].to_pylist()
        others = [number for number, id_ in zip(read, ids, strict=True) if str(id_) != keys[number]]
        if not others:
            return exploded
        kept = [number for number in range(len(bodies)) if number not in set(others)]
        rest = self._exploded([bodies[number] for number in kept])
        wrong = [Rejected(number, "id: expected a whole number") for number in others]
        moved = [replace(each, number=kept[each.number]) for each in rest.rejected]
        return replace(rest, rejected=sorted([*moved, *wrong], key=lambda each: each.number))

    def _exploded(self, bodies: Sequence[bytes]) -> Exploded:
        exploder = self._exploders.get()
        try:
            exploder = exploder or Exploder()
            return exploder.explode(bodies)
        finally:
            self._exploders.put(exploder)

    def _refused(self, reason: str, version: _Version) -> _Refused | None:
        """What is kept of a call that could not be read; None when a forgotten person's calls are to go."""
        match self._forgotten.body(version.call.body):
            case "removed":
                return None
            case "anonymous":
                return _Refused(reason, version.window, None, whole=False)
        body, whole = kept_body(version.call.body, self._privacy)
        return _Refused(reason, version.window, body, whole)


def _combine(batches: list[_Batch], reads: list[WindowRead]) -> Package:
    reached("normalise")
    parts: dict[str, list[pa.Table]] = {name: [] for name in (*TABLES, REJECTED_CALLS.name)}
    owners: list[pa.Table] = []
    gone: list[pa.Array] = []
    rejected = [0] * len(reads)
    drift: Counter[Drift] = Counter()
    for batch, old in zip(batches, _superseded(batches), strict=True):
        for name, table in batch.exploded.tables.items():
            parts[name].append(_without(table, "call_id" if TABLES[name].parent else "id", old))
        refused = {key: why for key, why in batch.refused.items() if key not in old}
        for each in refused.values():
            rejected[each.window] += 1
        parts[REJECTED_CALLS.name].append(_rejected_table(reads, refused))
        owners.append(_owners(parts["calls"][-1]["id"], batch))
        gone.append(_without(pa.table({"id": batch.removed}), "id", old)["id"].combine_chunks())
        drift.update(batch.drift)
    tables = {name: pa.concat_tables(each) for name, each in parts.items()}
    removed = pa.chunked_array(gone, pa.int64())
    readable = pa.chunked_array([*tables["calls"]["id"].chunks, *removed.chunks], pa.int64()).cast(
        pa.string()
    )
    return Package(reads, tables, pa.concat_tables(owners), readable, removed, rejected, drift)


def _superseded(batches: list[_Batch]) -> list[set[str]]:
    """For each batch, the calls of which another batch has a newer version."""
    newest: dict[str, tuple[int, datetime | None]] = {}
    old: list[set[str]] = [set() for _ in batches]
    for number, batch in enumerate(batches):
        for key, (changed, _) in batch.versions.items():
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


def _owners(good: pa.ChunkedArray, batch: _Batch) -> pa.Table:
    """Which window each call comes from."""
    windows = [batch.versions[str(number)][1] for number in good.to_pylist()]
    return pa.table({"id": good, "window": pa.array(windows, pa.int64())}, OWNERS_SCHEMA)


def _rejected_table(reads: list[WindowRead], refused: dict[str, _Refused]) -> pa.Table:
    now = datetime.now(UTC)
    rows = [
        {
            "call_key": key,
            "reason": each.reason,
            "body": each.body,
            "whole": each.whole,
            "window_from": reads[each.window].window.since,
            "window_until": reads[each.window].window.until,
            "attempt": 1,
            "rejected_at": now,
        }
        for key, each in refused.items()
    ]
    return pa.Table.from_pylist(rows, _REJECTED_SCHEMA)


def _is_newer(changed: datetime | None, than: datetime | None) -> bool:
    """Whether a version read later replaces one read before; the API never goes back by itself."""
    return changed is None or than is None or changed >= than
