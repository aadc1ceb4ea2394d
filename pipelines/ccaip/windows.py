"""Which time windows to ask for.

A window is closed at both ends, on whole seconds of `updated_at`; the next one starts on the second
the last one ended, so a call on the seam is read twice rather than never. `until` is the server's
clock minus a settle time: what has changed since may not be visible everywhere yet.

`plan` cuts a stretch of time into windows small enough to hold in memory, by asking the API how many
calls each half has. It trusts that number for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CALLS_PER_WINDOW = 10_000
"""What one window may hold: about 100 MB of JSON, of which a part is in memory at a time."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Calls with `since` ≤ `updated_at` ≤ `until` (UTC, whole seconds); `expected` as the API counts."""

    since: datetime
    until: datetime
    expected: int | None = None


def whole_second(moment: datetime) -> datetime:
    """The start of the second (UTC)."""
    return moment.astimezone(UTC).replace(microsecond=0)


def tail_window(
    cursor: datetime | None,
    start: datetime,
    server_now: datetime,
    settle_seconds: float,
    overlap_seconds: float,
) -> Window | None:
    """What a scheduled load asks for: from an overlap before the cursor to the settled present.

    `cursor` is where the last load ended; without one the load begins at `start`. None when less than
    a second has settled since.
    """
    until = whole_second(server_now - timedelta(seconds=settle_seconds))
    if cursor is not None and until <= cursor:
        return None
    since = start if cursor is None else max(start, cursor - timedelta(seconds=overlap_seconds))
    since = whole_second(since)
    return Window(since, until) if since < until else None


def plan(
    window: Window,
    count: Callable[[datetime, datetime], int | None],
    most: int,
) -> Iterator[Window]:
    """Cut a window, oldest first, into ones of at most `most` calls, and no more than needed.

    `count(since, until)` is asked once per window tried. A single second is never cut, however full;
    a window the API will not count is left whole.
    """
    expected = count(window.since, window.until)
    seconds = int((window.until - window.since) / _SECOND)
    if expected is None or expected <= most or seconds < 2:
        yield Window(window.since, window.until, expected)
        return
    middle = window.since + timedelta(seconds=seconds // 2)
    yield from plan(Window(window.since, middle), count, most)
    yield from plan(Window(middle, window.until), count, most)
