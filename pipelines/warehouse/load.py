"""Loads calls into the warehouse: the scheduled load, the backfill, and single calls by id.

    windows (planned) → gather (fetched side by side, exploded) → landing → raw tables, ledger, cursor

A load is a sequence of chunks, each landed whole with its cursor and its ledger rows, so that a kill
at any moment loses at most the chunk in flight. The next chunk is fetched while one lands. Windows
that an earlier run left open are asked for first. A chunk that cannot land is left open in turn, and
holds up no other.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from uuid import uuid4

from pipelines.ccaip import drift
from pipelines.ccaip.client import Client
from pipelines.ccaip.drift import Drift
from pipelines.ccaip.fetch import WindowRead
from pipelines.ccaip.gather import Gatherer, Package
from pipelines.ccaip.tables import DRIFT, LOAD_WINDOWS
from pipelines.ccaip.windows import (
    CALLS_PER_CHUNK,
    CALLS_PER_WINDOW,
    FUTURE,
    Cursor,
    Window,
    chunks,
    plan,
    tail_windows,
    whole_second,
)
from pipelines.errors import ConfigurationError, QualityError
from pipelines.home import Home
from pipelines.progress import Progress, Stage
from pipelines.settings import Settings
from pipelines.steps import reached
from pipelines.warehouse import erasure_requests, ledger
from pipelines.warehouse.catalogue import describe
from pipelines.warehouse.drifts import new_only
from pipelines.warehouse.landing import Landing
from pipelines.warehouse.merging import Change
from pipelines.warehouse.rejected import too_many_rejected


@dataclass
class LoadReport:
    """What a load did. `since` and `until` bound what was asked for (UTC), None when nothing was.

    `distinct` counts the calls that came, `calls` those that landed. `resumed` counts windows that an
    earlier run had left open. `problems` say, each in a sentence, why what landed is not the whole.
    `new_drift` is what the API sent that nobody was told of before.
    """

    calls: int = 0
    rejected: int = 0
    distinct: int = 0
    chunks: int = 0
    requests: int = 0
    resumed: int = 0
    since: datetime | None = None
    until: datetime | None = None
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    new_drift: Counter[Drift] = field(default_factory=Counter)

    def raise_if_incomplete(self) -> None:
        """Raise `QualityError` when there are problems."""
        if self.problems:
            raise QualityError(
                " ".join(self.problems),
                "What could be read has landed. See `callmart status`; `callmart reconcile` compares with the API.",
            )


def load_new(settings: Settings, home: Home, progress: Progress) -> LoadReport:
    """Load what has changed since the last load, and a little before it again.

    The first load begins at `start_date`. Moves the cursor, over empty stretches of time too.
    """
    with _Load(settings, home, progress) as load:
        now = load.client.server_now()
        windows = tail_windows(
            load.landing.cursor, settings.start_date, now, settings.settle_seconds, settings.overlap_seconds
        )
        return load.run(_in_parts(windows, load.client), now)


def backfill(
    settings: Settings,
    home: Home,
    progress: Progress,
    start: datetime,
    end: datetime,
    *,
    newest_first: bool = False,
) -> LoadReport:
    """Load again what changed between `start` and `end` (UTC, inclusive). Leaves the cursor where it is.

    All its windows are in the ledger before the first is asked for: cut short, it is taken up by the
    next load or backfill, from wherever it is run.
    """
    if start >= end:
        raise ConfigurationError(
            f"The backfill ends ({end:%Y-%m-%d %H:%M:%S}) before it starts ({start:%Y-%m-%d %H:%M:%S}).",
            "Give --from the earlier instant and --to the later one.",
        )
    with _Load(settings, home, progress) as load:
        now = load.client.server_now()
        since, until = whole_second(start), whole_second(min(end, now))
        whole = [Window(since, until, why="backfill")] if since < until else []
        windows = list(_in_parts(whole, load.client))
        if newest_first:
            windows.reverse()
        if windows:
            load.landing.record({LOAD_WINDOWS.name: Change(ledger.planned(windows))})
        return load.run(windows, now)


def heal(
    settings: Settings, home: Home, progress: Progress, ids: Sequence[int], since: datetime, until: datetime
) -> LoadReport:
    """Load these calls as the API shows them now, whatever version the warehouse has.

    `since` and `until` (UTC) are the stretch in which they were found wanting, for the ledger.
    """
    each = CALLS_PER_WINDOW
    with _Load(settings, home, progress) as load:
        windows = [
            Window(since, until, len(some), "heal", ids=tuple(some))
            for some in (ids[place : place + each] for place in range(0, len(ids), each))
        ]
        return load.run(windows, load.client.server_now())


class _Load:
    """One load from beginning to end: what it works with, and what it comes to."""

    def __init__(self, settings: Settings, home: Home, progress: Progress) -> None:
        self._settings = settings
        self._home = home
        self._progress = progress
        self._run_id = uuid4().hex
        self._open = ExitStack()
        self._report = LoadReport()
        self._drift: Counter[Drift] = Counter()
        self._verdicts: Counter[str] = Counter()
        self._started = time.monotonic()

    def __enter__(self) -> _Load:
        privacy = self._settings.privacy_filter()
        with ExitStack() as opening:
            self.client = opening.enter_context(Client(**self._settings.api))
            self.landing = opening.enter_context(Landing(self._home, self._settings.warehouse))
            forgotten = erasure_requests.forgotten_in(self.landing.connection, self._settings.privacy_key)
            self._key_records = erasure_requests.key_records(
                self.landing.connection, self._settings.privacy_key
            )
            self._stage: Stage = opening.enter_context(self._progress.stage("load calls", unit="calls"))
            self._gatherer = opening.enter_context(Gatherer(privacy, forgotten, self._stage.advance))
            self._left_open = ledger.open_windows(self.landing.connection)
            self._open = opening.pop_all()
        if self.landing.was_cut_short:
            self._stage.note("an earlier load was cut short: asking for its calls again")
        reached("plan")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def run(self, windows: Iterable[Window], now: datetime) -> LoadReport:
        """Load what was left open, then `windows`. `now` is the server's clock (UTC)."""
        self._stage.note("fetching")
        asked = self._expecting(_each_once([*self._left_open], windows))
        gathered = (
            self._gatherer.gather(together, self.client) for together in chunks(asked, CALLS_PER_CHUNK)
        )
        with closing(fetched_ahead(gathered, self._gatherer.cancel)) as fetched:
            for chunk in fetched:
                self._land(chunk, now)
        describe(self.landing.connection)
        report = self._report
        report.resumed = len(self._left_open)
        report.requests += self.client.counts.requests
        report.seconds = time.monotonic() - self._started
        report.problems = _problems(self._verdicts)
        if too_many := too_many_rejected(report.rejected, report.distinct, self._settings.rejected_share):
            report.problems.append(too_many)
        return report

    def _land(self, chunk: Package, now: datetime) -> None:
        drift.enforce(chunk.drift, self._settings.fatal_drift)
        self._drift += chunk.drift
        self._report.new_drift |= new_only(self.landing.connection, self._drift)
        seen = drift.rows(self._drift, self._run_id, datetime.now(UTC))
        cursor = _moved(self.landing.cursor, chunk.reads)
        landed = self.landing.land(
            chunk, cursor, now + FUTURE, {DRIFT.name: Change(seen)} | self._key_records
        )
        self._verdicts.update(landed.verdicts(chunk) if landed else ["failed"] * len(chunk.reads))
        report = self._report
        report.chunks += 1
        report.requests += sum(read.counts.requests for read in chunk.reads)
        report.rejected += sum(chunk.rejected)
        report.distinct += sum(len(read.keys) for read in chunk.reads)
        report.calls += sum(landed.calls) if landed else 0
        for window in (read.window for read in chunk.reads if read.window.why != "future"):
            report.since = min(report.since or window.since, window.since)
            report.until = max(report.until or window.until, window.until)
        if report.until:
            self._stage.note(f"landed up to {report.until:%Y-%m-%d %H:%M}")

    def _expecting(self, windows: Iterable[Window]) -> Iterator[Window]:
        """Tell the stage how much is to come, window by window."""
        expected = 0
        for window in windows:
            expected += window.expected or 0
            self._stage.expect(expected)
            yield window


def fetched_ahead(chunks: Iterator[Package], cancel: Callable[[], None]) -> Generator[Package]:
    """The chunks, each fetched in another thread while the one before lands.

    `cancel` is called at the end: when landing failed, the fetch in flight is of no use to anybody.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="gather") as thread:
        coming = thread.submit(next, chunks, None)
        try:
            while (chunk := coming.result()) is not None:
                coming = thread.submit(next, chunks, None)
                yield chunk
        finally:
            cancel()


def _in_parts(windows: Iterable[Window], client: Client) -> Iterator[Window]:
    """The windows, cut to a size; the future, which is all but empty, is left whole and not counted."""
    for window in windows:
        yield from [window] if window.why == "future" else plan(window, client.count, CALLS_PER_WINDOW)


def _each_once(left_open: Iterable[Window], windows: Iterable[Window]) -> Iterator[Window]:
    """Both, one after the other, without what is in both: a backfill plans its windows as open ones."""
    wanted = list(left_open)
    known = {window.window_id for window in wanted}
    yield from wanted
    yield from (window for window in windows if window.window_id not in known)


def _moved(cursor: Cursor | None, reads: Sequence[WindowRead]) -> Cursor | None:
    """The cursor when a chunk has landed: its tail moves it, what is asked for besides does not."""
    tail = [read for read in reads if read.window.why == "tail" and read.window.attempt == 1]
    if not tail:
        return None
    seen = [read.newest for read in tail if read.newest]
    if cursor and cursor.last_change:
        seen.append(cursor.last_change)
    return Cursor(max(read.window.until for read in tail), max(seen, default=None))


_PROBLEMS = {
    "failed": "could not land",
    "mismatch": "are not in the warehouse as they were sent",
    "short": "brought fewer calls than the API counts in them",
}


def _problems(verdicts: Counter[str]) -> list[str]:
    """What is wrong with the windows of a load, a sentence a verdict."""
    return [
        f"{verdicts[verdict]} windows {what}; the next load asks for them again."
        for verdict, what in _PROBLEMS.items()
        if verdicts[verdict]
    ]
