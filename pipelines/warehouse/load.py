"""Load calls into the warehouse: scheduled load, backfill, and single calls by id.

    windows → reader (read in parallel, parsed) → packages → loader → raw tables, ledger, cursor

A load is a sequence of packages, each loaded with its cursor and its ledger rows, so that a kill loses at most the
current package. The next package is read while one is loaded. Windows that an earlier run left open are read first. A
package that cannot be loaded is left open and does not block the others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType

from pipelines.ccaip import drift, ledger
from pipelines.ccaip.client import Client
from pipelines.ccaip.drift import Drift
from pipelines.ccaip.package import Package
from pipelines.ccaip.reader import CALLS_PER_PACKAGE, CALLS_PER_WINDOW, Reader
from pipelines.ccaip.tables import LOAD_WINDOWS
from pipelines.ccaip.windows import FUTURE, Window, plan, tail_windows, whole_second
from pipelines.errors import ConfigurationError, QualityError
from pipelines.home import Home
from pipelines.progress import Progress, Stage
from pipelines.settings import Settings
from pipelines.steps import reached
from pipelines.warehouse.loader import Loader
from pipelines.warehouse.recorded_drift import new_only
from pipelines.warehouse.rejected import too_many_rejected

IDS_PER_WINDOW = 1_250
"""Number of calls in a window of single calls."""


@dataclass
class LoadReport:
    """What a load did. `since` and `until` bound what was requested (UTC), None if nothing was.

    `distinct` counts the calls that were fetched, `calls` those that were loaded. `resumed` counts windows that an
    earlier run had left open. `problems` are sentences on what is missing. `new_drift` is drift that was not
    reported before.
    """

    calls: int = 0
    rejected: int = 0
    distinct: int = 0
    packages: int = 0
    requests: int = 0
    resumed: int = 0
    since: datetime | None = None
    until: datetime | None = None
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    new_drift: Counter[Drift] = field(default_factory=Counter)

    def raise_if_incomplete(self) -> None:
        """Raise `QualityError` if there are problems."""
        if self.problems:
            raise QualityError(
                " ".join(self.problems),
                "What could be read is loaded. See `callmart status`; `callmart reconcile` compares with the API.",
            )


def load_new(settings: Settings, home: Home, progress: Progress) -> LoadReport:
    """Load what has changed since the last load, with an overlap.

    The first load begins at `start_date`. Moves the cursor, also over periods without calls.
    """
    with _Load(settings, home, progress) as load:
        now = load.client.server_now()
        windows = tail_windows(
            load.loader.cursor, settings.start_date, now, settings.settle_seconds, settings.overlap_seconds
        )
        return load.run(windows, now)


def backfill(
    settings: Settings,
    home: Home,
    progress: Progress,
    start: datetime,
    end: datetime,
    *,
    newest_first: bool = False,
) -> LoadReport:
    """Load again what changed between `start` and `end` (UTC, inclusive). Does not move the cursor.

    It is planned in the ledger before the first request, and the rest of it after each package. If it is
    interrupted, the next load or backfill continues it, on any machine.
    """
    if start >= end:
        raise ConfigurationError(
            f"The backfill ends ({end:%Y-%m-%d %H:%M:%S}) before it starts ({start:%Y-%m-%d %H:%M:%S}).",
            "Give --from the earlier instant and --to the later one.",
        )
    with _Load(settings, home, progress) as load:
        now = load.client.server_now()
        since, until = whole_second(start), whole_second(min(end, now))
        windows = [Window(since, until, why="backfill")] if since < until else []
        if newest_first:
            windows = [
                part for window in windows for part in plan(window, load.client.count, CALLS_PER_WINDOW)
            ]
            windows.reverse()
        if windows:
            load.loader.record(LOAD_WINDOWS.name, ledger.planned(windows))
        return load.run(windows, now)


def heal(
    settings: Settings, home: Home, progress: Progress, ids: Sequence[int], since: datetime, until: datetime
) -> LoadReport:
    """Load these calls in the API's current version, whatever version the warehouse has.

    `since` and `until` (UTC) are the compared period, for the ledger.
    """
    each = IDS_PER_WINDOW
    with _Load(settings, home, progress) as load:
        windows = [
            Window(since, until, len(some), "heal", ids=tuple(some))
            for some in (ids[place : place + each] for place in range(0, len(ids), each))
        ]
        return load.run(windows, load.client.server_now())


class _Load:
    """One load from beginning to end: its inputs and results."""

    def __init__(self, settings: Settings, home: Home, progress: Progress) -> None:
        self._settings = settings
        self._home = home
        self._progress = progress
        self._open = ExitStack()
        self._report = LoadReport()
        self._drift: Counter[Drift] = Counter()
        self._verdicts: Counter[str] = Counter()
        self._started = time.monotonic()

    def __enter__(self) -> _Load:
        self._privacy = self._settings.privacy_filter()
        with ExitStack() as opening:
            self.client = opening.enter_context(
                Client(**self._settings.api, on_unreachable=self._progress.warn)
            )
            self.loader = opening.enter_context(Loader(self._settings, self._home))
            with self.loader.loaded.connected():
                self._forgotten = self.loader.loaded.forgotten(self._settings.privacy_key)
                self._left_open = self.loader.loaded.open_windows()
            self._stage: Stage = opening.enter_context(self._progress.stage("load calls", unit="calls"))
            self._open = opening.pop_all()
        if self._left_open:
            self._stage.note("reading windows that an earlier load left open")
        reached("plan")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def run(self, windows: Iterable[Window], now: datetime) -> LoadReport:
        """Load windows that were left open, then `windows`. `now` is the server's clock (UTC)."""
        self._stage.note("reading")
        wanted = {window.window_id: window for window in (*self._left_open, *windows)}
        with Reader(
            self.client,
            wanted.values(),
            privacy=self._privacy,
            forgotten=self._forgotten,
            calls_per_package=CALLS_PER_PACKAGE,
            on_page=self._stage.advance,
            expect=self._stage.expect,
        ) as reader:
            for package in reader.packages():
                self._load(package, now)
                self._narrow(package, wanted)
        report = self._report
        report.resumed = len(self._left_open)
        report.requests += self.client.counts.requests
        report.seconds = time.monotonic() - self._started
        report.problems = _problems(self._verdicts)
        if too_many := too_many_rejected(report.rejected, report.distinct, self._settings.rejected_share):
            report.problems.append(too_many)
        return report

    def _load(self, package: Package, now: datetime) -> None:
        drift.enforce(package.drift, self._settings.fatal_drift)
        self._drift += package.drift
        self._report.new_drift |= new_only(self.loader.connection, self._drift)
        loaded = self.loader.load(replace(package, drift=Counter(self._drift)), now + FUTURE)
        self._verdicts.update(loaded.verdicts if loaded else ["failed"] * len(package.reads))
        report = self._report
        report.packages += 1
        report.requests += sum(read.counts.requests for read in package.reads)
        report.rejected += sum(package.rejected)
        report.distinct += sum(len(read.keys) for read in package.reads)
        report.calls += loaded.calls if loaded else 0
        for window in (read.window for read in package.reads if read.window.why != "future"):
            report.since = min(report.since or window.since, window.since)
            report.until = max(report.until or window.until, window.until)
        if report.until:
            self._stage.note(f"loaded up to {report.until:%Y-%m-%d %H:%M}")

    def _narrow(self, package: Package, wanted: Mapping[str, Window]) -> None:
        """Let the ledger's planned windows begin where the package ended, so that its calls are not read again."""
        rest: dict[str, Window] = {}
        for piece in (read.window for read in package.reads):
            if piece.why == "backfill" and piece.cut_from and piece.attempt == 1:
                rest[piece.cut_from] = replace(wanted[piece.cut_from], since=piece.until, expected=None)
        last = {read.window.window_id for read in package.reads}
        if planned := [window for id_, window in rest.items() if id_ not in last]:
            self.loader.record(LOAD_WINDOWS.name, ledger.planned(planned))


_PROBLEMS = {
    "failed": "could not be loaded",
    "mismatch": "differ in the warehouse from what was sent",
    "short": "had fewer calls than the API counts",
}


def _problems(verdicts: Counter[str]) -> list[str]:
    """The problems of a load's windows, one sentence per verdict."""
    return [
        f"{verdicts[verdict]} windows {what}; the next load requests them again."
        for verdict, what in _PROBLEMS.items()
        if verdicts[verdict]
    ]
