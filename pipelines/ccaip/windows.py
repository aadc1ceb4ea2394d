"""Which time windows to request.

A window includes both ends, which are whole seconds of `updated_at`. The next one starts on the second the last one
ended, so that a call on the boundary is read twice rather than missed. A load ends at the server's clock minus a
settle time: later changes may not be visible yet.

Windows for `reader.Reader` may have any length. It cuts them while it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from uuid import uuid4

DEFAULT_START = "2015-01-01"
"""Before the first call of the API: everything."""

DEFAULT_SETTLE_SECONDS = 60.0
DEFAULT_OVERLAP_SECONDS = 1800.0
"""Wrap-up and surveys arrive 15 to 20 minutes after a call."""

FUTURE = timedelta(hours=1)
"""A call dated later than this after the server's clock is misdated; the next load reads earlier ones normally."""

END_OF_TIME = datetime(9999, 12, 30, tzinfo=UTC)

Why = Literal["tail", "overlap", "future", "backfill", "heal"]

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Calls with `since` ≤ `updated_at` ≤ `until` (UTC, whole seconds); `expected` is the API's count.

    `window_id` is the same in every `attempt` to read it. A `heal` lists its calls in `ids`. `cut_from` is the id of
    the window it was cut from; the last piece keeps that id.
    """

    since: datetime
    until: datetime
    expected: int | None = None
    why: Why = "tail"
    window_id: str = field(default_factory=lambda: uuid4().hex)
    attempt: int = 1
    ids: tuple[int, ...] = ()
    cut_from: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The cursor of the scheduled load (UTC).

    `until`: everything that changed up to then has been requested. `last_change`: the newest change that was seen. No
    change between the two was visible.
    """

    until: datetime
    last_change: datetime | None = None


def parse_instant(value: Any) -> datetime:
    """An ISO date or instant as UTC; without an offset it is UTC. The `ValueError` has the end of a sentence."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError("is not an ISO date (2026-01-31) or instant (2026-01-31T08:00:00Z)") from None
    if isinstance(value, datetime):
        return in_utc(value)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ValueError("is not an ISO date (2026-01-31) or instant (2026-01-31T08:00:00Z)")


def in_utc(moment: datetime) -> datetime:
    """The instant in UTC; one without an offset is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def whole_second(moment: datetime) -> datetime:
    """The start of the second (UTC)."""
    return moment.astimezone(UTC).replace(microsecond=0)


def tail_windows(
    cursor: Cursor | None,
    start: datetime,
    server_now: datetime,
    settle_seconds: float,
    overlap_seconds: float,
) -> list[Window]:
    """The windows of a scheduled load, oldest first: an overlap before the cursor, changes since, the future.

    Without a cursor the load begins at `start`. The overlap begins before the last change seen, not before the cursor: a
    `Date` header that was hours ahead would have moved the cursor past calls that did not exist yet. If the server's
    clock is behind the cursor, it was ahead before, and everything since the last change is read as new. Empty if no
    settled time has passed.
    """
    until = whole_second(server_now - timedelta(seconds=settle_seconds))
    start = whole_second(start)
    future = Window(whole_second(server_now + FUTURE), END_OF_TIME, why="future")
    if cursor is None:
        return [Window(start, until), future] if start < until else []
    if until == cursor.until:
        return []
    seen = min(cursor.until, until, cursor.last_change or start)
    since = max(start, whole_second(seen - timedelta(seconds=overlap_seconds)))
    if until < cursor.until:
        return [Window(since, until), future] if since < until else []
    overlap = [Window(since, cursor.until, why="overlap")] if since < cursor.until else []
    return [*overlap, Window(cursor.until, until), future]


def plan(
    window: Window,
    count: Callable[[datetime, datetime], int | None],
    most: int,
) -> Iterator[Window]:
    """Cut a window into windows of at most `most` calls by counting each half, oldest first.

    For windows that must be known before they are read; `reader` cuts without counting. A single second is never cut. A
    window without a count from the API is not cut.
    """
    expected = count(window.since, window.until)
    seconds = int((window.until - window.since) / _SECOND)
    if expected is None or expected <= most or seconds < 2:
        yield replace(window, expected=expected)
        return
    middle = window.since + timedelta(seconds=seconds // 2)
    for since, until in ((window.since, middle), (middle, window.until)):
        yield from plan(Window(since, until, why=window.why), count, most)
