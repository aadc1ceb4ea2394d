"""Shows that the warehouse equals the API, or which calls differ: `callmart reconcile`.

    search (count, read, compare) → heal what is missing or stale → look again → record

Days are UTC, and looked at twice: by when their calls were queued and by when they last changed. Equal
counts prove little (one call may be missing and another gone, and a call may change without its
`updated_at` moving), so contents are compared unless only counts are wanted.

What the last load could not have seen yet is no difference.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from pipelines.ccaip.client import By, Client
from pipelines.ccaip.tables import RECONCILED_DAYS, VANISHED_CALLS
from pipelines.ccaip.windows import whole_second
from pipelines.errors import CallmartError, ConfigurationError
from pipelines.home import Home
from pipelines.progress import Progress
from pipelines.settings import Settings
from pipelines.warehouse.compare import (
    CallTimes,
    Comparison,
    Findings,
    call_id,
    check_tables,
)
from pipelines.warehouse.connect import Look, reading, replace_records, writing
from pipelines.warehouse.load import heal as load_again
from pipelines.warehouse.search import Day, Search

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_DAYS_BACK = 7  # whole days before the one the last load has come to
_BY: tuple[By, ...] = ("queued_at", "updated_at")


@dataclass(frozen=True, slots=True)
class ReconciledDay:
    """A UTC day by one timestamp of its calls, as far as it was looked at: up to `until`.

    `counted_by_api` is None when the API does not say; `unexplained` is by how much it differs from
    what it shows. `healed` are those of `missing` and `stale` that were loaded right away.
    """

    counted_by: By
    day: datetime
    until: datetime
    counted_by_api: int | None
    in_warehouse: int
    missing: int
    stale: int
    vanished: int
    healed: int
    unexplained: int
    requests: int


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What was found between `since` and `until` (UTC); calls by their ids.

    `vanished` were found gone now, `vanished_before` counts those marked earlier and gone still;
    `reappeared` lost their mark. `rejected` calls are in `rejected_calls` as the API shows them.
    `nameless` counts missing calls without an id, `pending` ones that changed since the last load.
    `estimated_requests` was told beforehand, `requests` is what it cost, healing included. `problems`
    say, each in a sentence, what still differs.
    """

    since: datetime
    until: datetime
    compared: bool
    days: tuple[ReconciledDay, ...]
    missing: tuple[int, ...]
    stale: tuple[int, ...]
    vanished: tuple[int, ...]
    vanished_before: int
    reappeared: tuple[int, ...]
    rejected: tuple[int, ...]
    healed: tuple[int, ...]
    nameless: int
    pending: int
    estimated_requests: int
    requests: int
    seconds: float
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Range:
    """From `since` to before `until` (UTC). Calls that changed up to `settled` ought to have landed."""

    since: datetime
    until: datetime
    settled: datetime

    def days(self) -> list[Day]:
        """Each day by each timestamp; the first and the last may be parts of a day."""
        seams = [self.since]
        while seams[-1] < self.until:
            seams.append(min(_midnight(seams[-1]) + _DAY, self.until))
        return [Day(by, since, until) for by in _BY for since, until in pairwise(seams)]


@dataclass(frozen=True, slots=True)
class _Found:
    """What the search came to. `marked` are calls marked as vanished before, and whether they are back."""

    days: list[Day]
    findings: Findings
    marked: dict[str, bool]
    estimated_requests: int
    requests: int


@dataclass(frozen=True, slots=True)
class _Healed:
    """The ids that were healed, the requests it took, and sentences on what went wrong."""

    ids: frozenset[int] = frozenset()
    requests: int = 0
    problems: tuple[str, ...] = ()


def reconcile(
    settings: Settings,
    home: Home,
    progress: Progress,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    contents: bool = True,
    heal: bool = False,
) -> ReconcileReport:
    """Compare the days from `start` to `end` (UTC), by default the last seven and today's part so far.

    Without `contents` only counts are compared, and what lies behind a difference of them. `heal`
    loads missing and stale calls. Calls that are gone are marked in `vanished_calls`, no more.
    Raises `CallmartError` when there is no complete load to compare with.
    """
    started = time.monotonic()
    range_, found = _search(settings, progress, start, end, contents)
    differing = found.findings.missing | found.findings.stale
    ids = sorted(_ids(differing))
    healed = _heal(settings, home, progress, ids, range_) if heal and ids else _Healed()
    days = tuple(_reconciled(day, found.findings, healed.ids) for day in found.days)
    _record(settings, days, found, contents)
    return ReconcileReport(
        since=range_.since,
        until=range_.until,
        compared=contents,
        days=days,
        missing=_ids(found.findings.missing),
        stale=_ids(found.findings.stale),
        vanished=_ids(found.findings.vanished),
        vanished_before=sum(not is_back for is_back in found.marked.values()),
        reappeared=_ids(key for key, is_back in found.marked.items() if is_back),
        rejected=_ids(found.findings.rejected),
        healed=tuple(sorted(healed.ids)),
        nameless=len(differing) - len(ids),
        pending=len(found.findings.pending),
        estimated_requests=found.estimated_requests,
        requests=found.requests + healed.requests,
        seconds=time.monotonic() - started,
        problems=_problems(found, ids, healed),
    )


# --- finding --------------------------------------------------------------------------------------


def _search(
    settings: Settings, progress: Progress, start: datetime | None, end: datetime | None, contents: bool
) -> tuple[_Range, _Found]:
    with Client(**settings.api) as client, reading(settings) as connection:
        check_tables(connection)
        cursor = Look(connection).cursor()
        if cursor is None:
            raise CallmartError(
                "No load has come to its end yet, so nothing is expected to be in the warehouse.",
                "Run `callmart load` first.",
            )
        # What was not visible when the newest change was read, the next load's overlap reads again.
        settled = min(cursor.until, cursor.last_change or cursor.until)
        range_ = _range(settled, settings.start_date, start, end)
        days = range_.days()
        with Comparison(
            connection,
            range_.since,
            range_.until,
            settled,
            settings.privacy_filter(),
            settings.privacy_key,
        ) as comparison:
            search = Search(client, comparison, days)
            with progress.stage("count days", total=len(days), unit="requests") as stage:
                search.count(stage)
                if not contents:
                    search.learn_pending(stage)
            so_far = client.counts.requests
            estimate = search.estimate(contents=contents)
            with progress.stage(f"compare, about {estimate:,} requests", estimate, "requests") as stage:
                if contents:
                    search.read_contents(stage)
                search.pin_down(stage)
            marked = comparison.marked_vanished()
            found = _Found(days, comparison.findings, marked, so_far + estimate, client.counts.requests)
    return range_, found


def _range(settled: datetime, first: datetime, start: datetime | None, end: datetime | None) -> _Range:
    """The days to look at: those that `start` and `end` are in, up to what has been loaded."""
    last = whole_second(settled) + _SECOND
    until = last if end is None else min(_midnight(end - timedelta(microseconds=1)) + _DAY, last)
    since = _midnight(start) if start else max(_midnight(until) - _DAYS_BACK * _DAY, whole_second(first))
    if since >= until:
        raise ConfigurationError(
            f"There is nothing to compare from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC: "
            f"what has been loaded goes up to {last:%Y-%m-%d %H:%M}.",
            "Give --from a day before --to and before the last load, or load first: `callmart load`.",
        )
    return _Range(since, until, settled)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


# --- healing --------------------------------------------------------------------------------------


def _heal(settings: Settings, home: Home, progress: Progress, ids: Sequence[int], range_: _Range) -> _Healed:
    """Load these calls again, and compare them once more: only what is equal then is healed."""
    loaded = load_again(settings, home, progress, ids, range_.since, range_.until)
    with (
        Client(**settings.api) as client,
        reading(settings) as connection,
        Comparison(
            connection,
            range_.since,
            range_.until,
            range_.settled,
            settings.privacy_filter(),
            settings.privacy_key,
        ) as comparison,
        progress.stage("look again", unit="requests") as stage,
    ):
        Search(client, comparison, range_.days()).ask_again(ids, stage)
        findings = comparison.findings
    left = findings.missing | findings.stale | findings.vanished
    healed = frozenset(ids) - frozenset(_ids(left))
    return _Healed(healed, loaded.requests + client.counts.requests, tuple(loaded.problems))


# --- telling --------------------------------------------------------------------------------------


def _reconciled(day: Day, findings: Findings, healed: frozenset[int]) -> ReconciledDay:
    missing, stale, vanished = (
        [key for key, times in calls.items() if _is_on(day, times)]
        for calls in (findings.missing, findings.stale, findings.vanished)
    )
    removed = sum(_is_on(day, times) for times in findings.removed.values())
    return ReconciledDay(
        counted_by=day.by,
        day=_midnight(day.since),
        until=day.until,
        counted_by_api=None if day.counted is None else day.counted - removed,
        in_warehouse=day.landed,
        missing=len(missing),
        stale=len(stale),
        vanished=len(vanished),
        healed=len(healed.intersection(_ids(missing + stale))),
        unexplained=day.unexplained,
        requests=day.requests,
    )


def _is_on(day: Day, times: CallTimes) -> bool:
    at = times.at(day.by)
    return at is not None and day.since <= at < day.until


def _problems(found: _Found, differing: Sequence[int], healed: _Healed) -> tuple[str, ...]:
    findings = found.findings
    left = len(differing) - len(healed.ids)
    nameless = len(findings.missing) + len(findings.stale) - len(differing)
    unexplained = sum(day.unexplained > 0 for day in found.days)
    sentences = {
        f"{left:,} calls are missing or stale in the warehouse.": left,
        f"{nameless:,} calls without a readable id are missing: `callmart backfill` brings them.": nameless,
        f"{len(findings.vanished):,} calls are gone from the API; they are marked in ccaip.vanished_calls.": len(
            findings.vanished
        ),
        f"The API counts on {unexplained:,} days what it does not show.": unexplained,
    }
    return (*(sentence for sentence, count in sentences.items() if count), *healed.problems)


def _ids(keys: Iterable[str]) -> tuple[int, ...]:
    return tuple(sorted(number for key in keys if (number := call_id(key)) is not None))


def _record(settings: Settings, days: Sequence[ReconciledDay], found: _Found, compared: bool) -> None:
    """Write what was found: a row a day, and the marks of calls that are gone or are back."""
    now = datetime.now(UTC)
    looks: list[dict[str, Any]] = [
        {
            "counted_by": day.counted_by,
            "day": day.day,
            "counted_until": day.until,
            "counted_by_api": day.counted_by_api,
            "in_warehouse": day.in_warehouse,
            "missing": day.missing,
            "stale": day.stale,
            "vanished": day.vanished,
            "healed": day.healed,
            "compared": compared,
            "requests": day.requests,
            "checked_at": now,
        }
        for day in days
    ]
    marks: list[dict[str, Any]] = [
        {
            "call_id": call_id(key),
            "queued_at": times.queued_at,
            "updated_at": times.updated_at,
            "noticed_at": now,
        }
        for key, times in found.findings.vanished.items()
    ]
    back = [call_id(key) for key, is_back in found.marked.items() if is_back]
    gone = [*back, *(mark["call_id"] for mark in marks)]
    with writing(settings) as warehouse:
        replace_records(warehouse.connection, RECONCILED_DAYS.name, looks)
        replace_records(
            warehouse.connection, VANISHED_CALLS.name, marks, [{"call_id": each} for each in gone]
        )
        warehouse.connection.commit()
