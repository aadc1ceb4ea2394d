"""Finds calls that differ between the API and the warehouse, with as few requests as it takes.

    count each day, and empty stretches as one → read the calls of each → halve the stretches whose counts still differ

Contents are read by `queued_at`, which does not move while it is read; the calls this does not lead to
(never queued, or on another day) are asked for by their ids. Without contents only the stretches whose
counts differ are read.

`updated_at[from]` is inclusive. Whether `[to]` is, nobody knows, so a call that stands exactly at the
end of a stretch may be in the API's count or not. Where there is such a call the API is asked what it
does; everywhere else it does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from pipelines.ccaip.client import PER_PAGE, By, Client
from pipelines.ccaip.page import FetchedCall
from pipelines.ccaip.tail import tail
from pipelines.ccaip.windows import END_OF_TIME, Window, whole_second
from pipelines.progress import Stage
from pipelines.warehouse.compare import Comparison, call_id

_SHORTEST = timedelta(minutes=5)  # a stretch that is read rather than halved
_BATCH = 2_000  # calls compared at once; about 20 MB of JSON
_SECOND = timedelta(seconds=1)


@dataclass
class Day:
    """A day (UTC), or the part of it that was looked at, by one timestamp of its calls.

    `counted` is what the API counts, None when it does not say; `unexplained` by how much that differs
    from all that is known after the search.
    """

    by: By
    since: datetime
    until: datetime
    counted: int | None = None
    landed: int = 0
    requests: int = 0
    unexplained: int = 0


class Search:
    """A search for differences over some days, oldest first."""

    def __init__(self, client: Client, comparison: Comparison, days: Sequence[Day]) -> None:
        self._client = client
        self._comparison = comparison
        self._days = days
        self._day = days[0]
        self._charged = client.counts.requests
        self._waiting: list[FetchedCall] = []
        self._counts_its_end: dict[By, bool] = {}

    def count(self, stage: Stage) -> None:
        """Ask for the count of each day. A stretch of days on which no call is expected is counted as one."""
        self._stage = stage
        for _, days in groupby(self._days, key=lambda day: day.by):
            self._count_days(list(days))

    def _count_days(self, days: Sequence[Day]) -> None:
        first, last = days[0], days[-1]
        self._begin(first)
        if len(days) == 1:
            first.landed = self._comparison.landed(first.by, first.since, first.until)
            first.counted = self._count(first.by, first.since, first.until)
            return
        if self._comparison.expected(first.by, first.since, last.until) == (0, 0):
            counted = self._count(first.by, first.since, last.until)
            if counted == 0:
                for day in days:
                    day.landed, day.counted = 0, 0
                return
            if counted is None:  # the API does not say, and need not be asked again
                return
        middle = len(days) // 2
        self._count_days(days[:middle])
        self._count_days(days[middle:])

    def learn_pending(self, stage: Stage) -> None:
        """Read what has changed since the last load: such calls have left the days they are expected on."""
        self._stage = stage
        since = whole_second(self._comparison.settled)
        self._fetch(tail(self._client, Window(since, END_OF_TIME)))
        self._compare()

    def estimate(self, *, contents: bool) -> int:
        """About how many requests the rest will cost."""
        cost = 0
        for day in self._days:
            counted = day.counted or 0
            expected, _ = self._comparison.expected(day.by, day.since, day.until)
            cost += _cost(counted, abs(counted - expected)) if counted != expected else 0
            if contents and day.by == "queued_at" and not self._is_empty(day):
                cost += _pages(counted)
                cost += math.ceil(self._comparison.queued_outside(day.since, day.until) / PER_PAGE)
        return cost

    def read_contents(self, stage: Stage) -> None:
        """Compare every call of the days."""
        for day in self._each_day(stage):
            if self._is_empty(day):
                continue
            if day.by == "queued_at":
                self._read(day.by, day.since, day.until)
            else:
                self._compare()
                self._ask(self._comparison.unasked_keys(day.by, day.since, day.until))
        self._compare()
        self._ask(self._comparison.dayless_keys())
        self._compare()

    def pin_down(self, stage: Stage) -> None:
        """Find the calls that make the API's counts differ from what is known by now."""
        for day in self._each_day(stage):
            self._pin(day.by, day.since, day.until, day.counted)
            if self._difference(day.by, day.since, day.until, day.counted):
                # counted before it was read: calls may have come or changed since
                day.counted = self._count(day.by, day.since, day.until)
            if day.counted is not None:
                day.unexplained = self._difference(day.by, day.since, day.until, day.counted)
            day.counted = self._without_end(day)

    def ask_again(self, ids: Sequence[int], stage: Stage) -> None:
        """Compare these calls alone."""
        self._stage = stage
        self._ask([str(each) for each in ids])
        self._compare()

    # --- counting ---------------------------------------------------------------------------------

    def _pin(self, by: By, since: datetime, until: datetime, counted: int | None) -> None:
        difference = self._difference(by, since, until, counted)
        if not difference:
            return
        calls = counted or 0
        if until - since <= _SHORTEST or _cost(calls, difference) == _pages(calls):
            self._read(by, since, until)
            self._compare()
            return
        middle = whole_second(since + (until - since) / 2)
        for start, end in ((since, middle), (middle, until)):
            self._pin(by, start, end, self._count(by, start, end))

    def _difference(self, by: By, since: datetime, until: datetime, counted: int | None) -> int:
        """By how much the API's count is not what is expected; 1 when it does not count."""
        if counted is None:
            return 1
        before, with_last = self._comparison.expected(by, since, until)
        if before == with_last:
            return abs(counted - before)
        match self._is_end_counted(by, until):
            case True:
                return abs(counted - with_last)
            case False:
                return abs(counted - before)
        return min(abs(counted - before), abs(counted - with_last))

    def _without_end(self, day: Day) -> int | None:
        """The API's count without the calls at the end: they are of the next day."""
        before, with_last = self._comparison.expected(day.by, day.since, day.until)
        if day.counted is None or before == with_last or not self._is_end_counted(day.by, day.until):
            return day.counted
        return day.counted - (with_last - before)

    def _is_end_counted(self, by: By, end: datetime) -> bool | None:
        """Whether the API counts a call that stands at the end; None when it has no call there."""
        if by not in self._counts_its_end:
            if self._count(by, end, end):
                self._counts_its_end[by] = True
            elif self._count(by, end, end + _SECOND):
                self._counts_its_end[by] = False
        return self._counts_its_end.get(by)

    def _count(self, by: By, since: datetime, until: datetime) -> int | None:
        counted = self._client.count(since, until, by=by)
        self._charge()
        return counted

    # --- reading ----------------------------------------------------------------------------------

    def _read(self, by: By, since: datetime, until: datetime) -> None:
        """Fetch the calls the API has there, and ask for those it should have there besides."""
        seen = self._fetch(tail(self._client, Window(since, until), by))
        expected = self._comparison.expected_keys(by, since, until)
        self._ask([key for key in expected if key not in seen])

    def _ask(self, keys: Sequence[str]) -> None:
        """Fetch calls by id: one that has moved in time is there all the same, and one that is gone is not."""
        found = self._fetch(self._by_id(keys))
        if gone := [key for key in keys if key not in found]:
            self._compare()  # what was fetched of them before is older news
            self._comparison.gone(gone)

    def _by_id(self, keys: Sequence[str]) -> Iterator[list[FetchedCall]]:
        ids = [number for key in keys if (number := call_id(key)) is not None]
        for start in range(0, len(ids), PER_PAGE):
            yield self._client.calls_by_id(ids[start : start + PER_PAGE])

    def _fetch(self, pages: Iterable[list[FetchedCall]]) -> set[str]:
        """Fetch calls, to be compared many at a time; their keys."""
        seen: set[str] = set()
        for page in pages:
            self._charge()
            seen.update(call.key for call in page)
            self._waiting += page
            if len(self._waiting) >= _BATCH:
                self._compare()
        self._charge()
        return seen

    def _compare(self) -> None:
        """Compare what was fetched and still waits."""
        if self._waiting:
            self._comparison.look(self._waiting)
            self._waiting = []

    # --- what it costs ----------------------------------------------------------------------------

    def _each_day(self, stage: Stage) -> Iterator[Day]:
        """The days; requests are charged to the current one."""
        self._stage = stage
        for day in self._days:
            self._begin(day)
            yield day

    def _begin(self, day: Day) -> None:
        self._day = day
        self._stage.note(f"{day.since:%Y-%m-%d} by {day.by}")

    def _is_empty(self, day: Day) -> bool:
        """Whether the API counts no call on the day and none is expected: there is nothing to read."""
        return day.counted == 0 and self._comparison.expected(day.by, day.since, day.until) == (0, 0)

    def _charge(self) -> None:
        spent = self._client.counts.requests - self._charged
        self._charged += spent
        self._day.requests += spent
        self._stage.advance(spent)


def _pages(calls: int) -> int:
    """Requests that read so many calls: each page begins with the call the last one ended with."""
    return calls // (PER_PAGE - 1) + 1


def _cost(calls: int, differences: int) -> int:
    """Requests that find so many differences among the calls: by halving, or by reading if that is less."""
    pages = _pages(calls)
    return min(pages, 1 + math.ceil(2 * differences * math.log2(pages)))
