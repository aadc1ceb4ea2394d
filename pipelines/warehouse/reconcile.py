"""Compare the warehouse with the API and list the calls that differ: `callmart reconcile`.

    search (count, fetch, compare) → heal missing and stale calls → compare again → record

Days are UTC, and compared twice: by `queued_at` and by `updated_at`. Equal counts prove little, because one call may
be missing while another is gone, and a call may change without a new `updated_at`. So contents are compared too,
unless only counts are requested.

Changes that the last load could not have seen are not differences.
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
from pipelines.warehouse.connect import Catalog, reading, replace_records, writing
from pipelines.warehouse.load import heal as load_again
from pipelines.warehouse.search import Day, Search

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_DAYS_BACK = 7  # whole days before the last one loaded
_BY: tuple[By, ...] = ("queued_at", "updated_at")


@dataclass(frozen=True, slots=True)
class ReconciledDay:
    """A UTC day by one timestamp of its calls, compared up to `until`.

    `counted_by_api` is None if the API gives no count; `unexplained` is its difference from the calls the API returns.
    `healed` are the `missing` and `stale` calls that were loaded.
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
    """The differences between `since` and `until` (UTC), with calls by id.

    `vanished` calls are newly gone, `vanished_before` counts those marked earlier and still gone; `reappeared` ones
    lost their mark. `rejected` calls are in `rejected_calls` in their current version. `nameless` counts missing calls
    without an id, `pending` those that changed since the last load. `estimated_requests` was printed before the start;
    `requests` is the actual number, including healing. `problems` are sentences on what still differs.
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
    """From `since` to before `until` (UTC). Calls that changed up to `settled` should be loaded."""

    since: datetime
    until: datetime
    settled: datetime

    def days(self) -> list[Day]:
        """Each day by each timestamp. The first and the last day may be partial."""
        seams = [self.since]
        while seams[-1] < self.until:
            seams.append(min(_midnight(seams[-1]) + _DAY, self.until))
        return [Day(by, since, until) for by in _BY for since, until in pairwise(seams)]


@dataclass(frozen=True, slots=True)
class _Found:
    """The result of the search. `marked` are calls marked as vanished before, and whether they are back."""

    days: list[Day]
    findings: Findings
    marked: dict[str, bool]
    estimated_requests: int
    requests: int


@dataclass(frozen=True, slots=True)
class _Healed:
    """The ids that were healed, the number of requests, and sentences on problems."""

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
    """Compare the days from `start` to `end` (UTC), by default the last seven and today so far.

    Without `contents` only counts are compared, and calls where counts differ. `heal` loads missing and stale calls.
    Calls that are gone are only marked in `vanished_calls`.
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
    with Client(**settings.api, on_unreachable=progress.warn) as client, reading(settings) as connection:
        check_tables(connection)
        cursor = Catalog(connection).cursor()
        if cursor is None:
            raise CallmartError(
                "No load is complete yet, so there is nothing to compare.",
                "Run `callmart load` first.",
            )
        # The next load's overlap reads what was not visible when the newest change was read.
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
    """The days to compare: those that contain `start` and `end`, up to the end of the loads."""
    last = whole_second(settled) + _SECOND
    until = last if end is None else min(_midnight(end - timedelta(microseconds=1)) + _DAY, last)
    since = _midnight(start) if start else max(_midnight(until) - _DAYS_BACK * _DAY, whole_second(first))
    if since >= until:
        raise ConfigurationError(
            f"There is nothing to compare from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC: "
            f"calls are loaded up to {last:%Y-%m-%d %H:%M}.",
            "Give --from a day before --to and before the last load, or load first: `callmart load`.",
        )
    return _Range(since, until, settled)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


# --- healing --------------------------------------------------------------------------------------


def _heal(settings: Settings, home: Home, progress: Progress, ids: Sequence[int], range_: _Range) -> _Healed:
    """Load these calls again and compare them once more. Those that are equal then are healed."""
    loaded = load_again(settings, home, progress, ids, range_.since, range_.until)
    with (
        Client(**settings.api, on_unreachable=progress.warn) as client,
        reading(settings) as connection,
        Comparison(
            connection,
            range_.since,
            range_.until,
            range_.settled,
            settings.privacy_filter(),
            settings.privacy_key,
        ) as comparison,
        progress.stage("compare again", unit="requests") as stage,
    ):
        Search(client, comparison, range_.days()).ask_again(ids, stage)
        findings = comparison.findings
    left = findings.missing | findings.stale | findings.vanished
    healed = frozenset(ids) - frozenset(_ids(left))
    return _Healed(healed, loaded.requests + client.counts.requests, tuple(loaded.problems))


# --- reporting ------------------------------------------------------------------------------------


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
        f"{nameless:,} calls without a readable id are missing: `callmart backfill` loads them.": nameless,
        f"{len(findings.vanished):,} calls are gone from the API; they are marked in ccaip.vanished_calls.": len(
            findings.vanished
        ),
        f"On {unexplained:,} days the API counts calls that it does not return.": unexplained,
    }
    return (*(sentence for sentence, count in sentences.items() if count), *healed.problems)


def _ids(keys: Iterable[str]) -> tuple[int, ...]:
    return tuple(sorted(number for key in keys if (number := call_id(key)) is not None))


def _record(settings: Settings, days: Sequence[ReconciledDay], found: _Found, compared: bool) -> None:
    """Write one row per day, and the marks of calls that are gone or back."""
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
