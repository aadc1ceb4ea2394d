"""The calls of some windows as one package of parsed tables, ready to load.

Calls are parsed in batches while the next pages are fetched, so that the JSON of a package is never in memory as a
whole. The privacy policy is applied here: what leaves this module may be stored. If a call was read twice (it changed
while the windows were read, or is on a boundary), only the newest version is kept.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from queue import LifoQueue
from types import TracebackType

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.client import RequestCounts
from pipelines.ccaip.drift import Drift, notice
from pipelines.ccaip.page import FetchedCall
from pipelines.ccaip.parse import ARROW_TYPES, Exploded, Exploder, Rejected, arrow_schema
from pipelines.ccaip.privacy.forgotten import NOBODY, Forgotten
from pipelines.ccaip.privacy.policy import PrivacyFilter
from pipelines.ccaip.privacy.redact import kept_body
from pipelines.ccaip.tables import REJECTED_CALLS, TABLES
from pipelines.ccaip.windows import Window
from pipelines.steps import reached

BATCH = 1_700
"""The number of calls parsed at a time: about 16 MB of JSON."""

_THREADS = 2  # each has its own parser; while nothing is loaded, each has a core

_REJECTED_SCHEMA = pa.schema([(c.name, ARROW_TYPES[c.type]) for c in REJECTED_CALLS.columns])

OWNERS_SCHEMA = pa.schema([("id", pa.int64()), ("window", pa.int64())])


@dataclass
class WindowRead:
    """The result of reading a window.

    `fetched` counts versions, `keys` are the calls among them. `counted_after` is the API's count after the window was
    read, `newest` the latest change seen (UTC).
    """

    window: Window
    started_at: datetime
    finished_at: datetime | None = None
    counted_after: int | None = None
    fetched: int = 0
    newest: datetime | None = None
    counts: RequestCounts = field(default_factory=RequestCounts)
    keys: set[str] = field(default_factory=set)

    @property
    def is_short(self) -> bool:
        """Whether fewer calls came than the API counts in the window."""
        return self.counted_after is not None and len(self.keys) < self.counted_after

    def note(self, calls: Sequence[FetchedCall]) -> None:
        """Record the calls of a page."""
        self.fetched += len(calls)
        self.keys.update(call.key for call in calls)
        for call in calls:
            if call.updated_at and (self.newest is None or call.updated_at > self.newest):
                self.newest = call.updated_at


@dataclass(frozen=True, slots=True)
class Package:
    """What is loaded together: calls of some windows as tables, including `rejected_calls`.

    `reads` has the result of each window; `rejected` counts, in the same order, its calls that could not be parsed.
    `owners` has the id and the index of the window for every row of `calls`. `readable` has the keys of calls that
    were parsed, whether rejected before or not; `removed` the ids of calls of erased people, which must not be stored.
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
        """A package without calls, which creates missing tables."""
        tables = {name: arrow_schema(table).empty_table() for name, table in TABLES.items()}
        tables[REJECTED_CALLS.name] = _REJECTED_SCHEMA.empty_table()
        keys, ids = pa.chunked_array([], pa.string()), pa.chunked_array([], pa.int64())
        return cls([], tables, OWNERS_SCHEMA.empty_table(), keys, ids, [], Counter())

    @property
    def calls(self) -> int:
        """The number of calls."""
        return self.tables["calls"].num_rows

    @property
    def is_routine(self) -> bool:
        """Whether a scheduled load read its windows in full, and has nothing but calls to load, if any."""
        scheduled = all(read.window.why in ("tail", "overlap", "future") for read in self.reads)
        complete = scheduled and not any(read.is_short for read in self.reads)
        return complete and bool(self.reads) and not (len(self.removed) or any(self.rejected) or self.drift)

    @property
    def is_by_id(self) -> bool:
        """Whether its calls were requested by id: they are loaded whatever version is loaded already."""
        return all(read.window.ids for read in self.reads)

    @property
    def cursor(self) -> datetime | None:
        """The cursor after this package is loaded (UTC); None if it does not move the cursor."""
        return max((read.window.until for read in self._news()), default=None)

    @property
    def last_change(self) -> datetime | None:
        """The newest change among the calls of scheduled windows (UTC)."""
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
class Version:
    """A version of a call in a window."""

    call: FetchedCall
    read: WindowRead


@dataclass(frozen=True, slots=True)
class _Refused:
    """A call that could not be parsed: reason, window, and the stored part of its body."""

    reason: str
    read: WindowRead
    body: str | None
    whole: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Parsed calls: the version of each by key, and the result."""

    versions: dict[str, tuple[datetime | None, WindowRead]]
    exploded: Exploded
    removed: pa.Array
    refused: dict[str, _Refused]
    drift: Counter[Drift]


class Parser:
    """Parses batches of calls, two at a time, removes `forgotten` people and applies `privacy`.

    Close it, or use it in a `with` block.
    """

    def __init__(self, privacy: PrivacyFilter, forgotten: Forgotten = NOBODY) -> None:
        self._privacy = privacy
        self._forgotten = forgotten
        # created when first needed: a small load needs one
        self._exploders: LifoQueue[Exploder | None] = LifoQueue()
        for _ in range(_THREADS):
            self._exploders.put(None)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="parse")
        self._unparsed = threading.BoundedSemaphore(2 * _THREADS)

    def __enter__(self) -> Parser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the threads and free their memory."""
        self._threads.shutdown(cancel_futures=True)
        for _ in range(_THREADS):
            if exploder := self._exploders.get():
                exploder.close()

    def submit(self, versions: dict[str, Version]) -> Future[Batch]:
        """Parse calls in the background. Blocks while many batches are waiting, to limit memory."""
        self._unparsed.acquire()
        batch = self._threads.submit(self._parse, versions)
        batch.add_done_callback(lambda _: self._unparsed.release())
        return batch

    def _parse(self, versions: dict[str, Version]) -> Batch:
        reached("explode")
        bodies = [version.call.json for version in versions.values()]
        keys = list(versions)
        exploded = self._agreed(bodies, [version.call for version in versions.values()])
        drift = notice(exploded, bodies, self._privacy.policy)
        tables, removed = self._forgotten.apply(exploded.tables)
        return Batch(
            {key: (version.call.updated_at, version.read) for key, version in versions.items()},
            replace(exploded, tables=self._privacy.apply(tables)),
            removed,
            {
                keys[each.number]: refused
                for each in exploded.rejected
                if (refused := self._refused(each.reason, versions[keys[each.number]]))
            },
            drift,
        )

    def _agreed(self, bodies: Sequence[bytes], calls: Sequence[FetchedCall]) -> Exploded:
        """Parse the calls. A call whose parsed id or change differs from what was read of it on its page is rejected."""
        exploded = self._exploded(bodies)
        rejected = {each.number for each in exploded.rejected}
        read = [number for number in range(len(bodies)) if number not in rejected]
        table = exploded.tables["calls"]
        changed = pa.array([calls[number].updated_at for number in read], ARROW_TYPES["timestamp"])
        same_change = pc.fill_null(pc.equal(table["updated_at"], changed), False).to_pylist()
        wrong: dict[int, str] = {}
        for number, id_, is_same in zip(read, table["id"].to_pylist(), same_change, strict=True):
            if str(id_) != calls[number].key:
                wrong[number] = "id: expected a whole number"
            elif not is_same:
                wrong[number] = "updated_at: not believed, against the order in which the calls came"
        if not wrong:
            return exploded
        kept = [number for number in range(len(bodies)) if number not in wrong]
        rest = self._exploded([bodies[number] for number in kept])
        refused = [Rejected(number, reason) for number, reason in wrong.items()]
        moved = [replace(each, number=kept[each.number]) for each in rest.rejected]
        return replace(rest, rejected=sorted([*moved, *refused], key=lambda each: each.number))

    def _exploded(self, bodies: Sequence[bytes]) -> Exploded:
        exploder = self._exploders.get()
        try:
            exploder = exploder or Exploder()
            return exploder.explode(bodies)
        finally:
            self._exploders.put(exploder)

    def _refused(self, reason: str, version: Version) -> _Refused | None:
        """The stored part of a call that could not be parsed; None if it belongs to an erased person and is removed."""
        match self._forgotten.body(version.call.body):
            case "removed":
                return None
            case "anonymous":
                return _Refused(reason, version.read, None, whole=False)
        body, whole = kept_body(version.call.body, self._privacy)
        return _Refused(reason, version.read, body, whole)


def package_of(parser: Parser, pages: Iterable[list[FetchedCall]], window: Window) -> Package:
    """A package of calls that were fetched already, as if `window` had returned them."""
    read = WindowRead(window, started_at=datetime.now(UTC))
    batches: list[Future[Batch]] = []
    unparsed: dict[str, Version] = {}
    for calls in pages:
        read.note(calls)
        keep_newest(unparsed, (Version(call, read) for call in calls))
        if len(unparsed) >= BATCH:
            batches.append(parser.submit(unparsed))
            unparsed = {}
    if unparsed or not batches:
        batches.append(parser.submit(unparsed))
    read.finished_at = datetime.now(UTC)
    return combine([batch.result() for batch in batches], [read])


def keep_newest(kept: dict[str, Version], versions: Iterable[Version]) -> None:
    """Add `versions` to `kept`, keeping the newest of each call."""
    for version in versions:
        old = kept.get(version.call.key)
        if old is None or _is_newer(version.call.updated_at, old.call.updated_at):
            kept[version.call.key] = version


def combine(batches: Sequence[Batch], reads: list[WindowRead]) -> Package:
    """One package of the calls of all batches, with the newest version of each."""
    reached("normalise")
    places = {id(read): place for place, read in enumerate(reads)}
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
            rejected[places[id(each.read)]] += 1
        parts[REJECTED_CALLS.name].append(_rejected_table(refused))
        owners.append(_owners(parts["calls"][-1]["id"], batch, places))
        gone.append(_without(pa.table({"id": batch.removed}), "id", old)["id"].combine_chunks())
        drift.update(batch.drift)
    tables = {name: pa.concat_tables(each) for name, each in parts.items()}
    removed = pa.chunked_array(gone, pa.int64())
    readable = pa.chunked_array([*tables["calls"]["id"].chunks, *removed.chunks], pa.int64()).cast(
        pa.string()
    )
    return Package(reads, tables, pa.concat_tables(owners), readable, removed, rejected, drift)


def _superseded(batches: Sequence[Batch]) -> list[set[str]]:
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


def _owners(good: pa.ChunkedArray, batch: Batch, places: dict[int, int]) -> pa.Table:
    """Which window each call comes from."""
    windows = [places[id(batch.versions[str(number)][1])] for number in good.to_pylist()]
    return pa.table({"id": good, "window": pa.array(windows, pa.int64())}, OWNERS_SCHEMA)


def _rejected_table(refused: dict[str, _Refused]) -> pa.Table:
    now = datetime.now(UTC)
    rows = [
        {
            "call_key": key,
            "reason": each.reason,
            "body": each.body,
            "whole": each.whole,
            "window_from": each.read.window.since,
            "window_until": each.read.window.until,
            "attempt": 1,
            "rejected_at": now,
        }
        for key, each in refused.items()
    ]
    return pa.Table.from_pylist(rows, _REJECTED_SCHEMA)


def _is_newer(changed: datetime | None, than: datetime | None) -> bool:
    """Whether a version that was read later replaces one that was read before."""
    return changed is None or than is None or changed >= than
