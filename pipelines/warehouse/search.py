"""Find calls that differ between the API and the warehouse, with few requests.

    count each day (empty days together) → fetch the calls of each → split windows whose counts still differ

Contents are fetched by `queued_at`, which does not change meanwhile. Calls that this does not find (never queued, or
on another day) are requested by id. Without contents only windows whose counts differ are fetched.

`updated_at[from]` is inclusive. Whether `[to]` is inclusive is not documented, so the API's count may include a call
exactly at the end of a window or not. If there is such a call, a request finds out; otherwise it does not matter.
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

_SHORTEST = timedelta(minutes=5)  # a window that is fetched rather than split
_BATCH = 2_000  # calls compared at once; about 20 MB of JSON
_SECOND = timedelta(seconds=1)


@dataclass
class Day:
    """A UTC day, or a part of it, by one timestamp of its calls.

    `counted` is the API's count, None if it gives none; `unexplained` is its difference from everything known after
    the search.
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
        """Request the count of each day. Consecutive days without expected calls are counted together."""
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
            if counted is None:  # the API gives no counts, so do not ask again
                return
        middle = len(days) // 2
        self._count_days(days[:middle])
        self._count_days(days[middle:])

    def learn_pending(self, stage: Stage) -> None:
        """Fetch what has changed since the last load: such calls are no longer on the days they are expected on."""
        self._stage = stage
        since = whole_second(self._comparison.settled)
        self._fetch(tail(self._client, Window(since, END_OF_TIME)))
        self._compare()

    def estimate(self, *, contents: bool) -> int:
        """The approximate number of requests for the rest."""
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
        """Find the calls that make the API's counts differ from what is known so far."""
        for day in self._each_day(stage):
            self._pin(day.by, day.since, day.until, day.counted)
            if self._difference(day.by, day.since, day.until, day.counted):
                # counted before it was fetched: calls may have changed since
                day.counted = self._count(day.by, day.since, day.until)
            if day.counted is not None:
                day.unexplained = self._difference(day.by, day.since, day.until, day.counted)
            day.counted = self._without_end(day)

    def ask_again(self, ids: Sequence[int], stage: Stage) -> None:
        """Compare only these calls."""
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
        """The difference between the API's count and the expected one; 1 if the API gives no count."""
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
        """The API's count without the calls exactly at the end, which belong to the next day."""
        before, with_last = self._comparison.expected(day.by, day.since, day.until)
        if day.counted is None or before == with_last or not self._is_end_counted(day.by, day.until):
            return day.counted
        return day.counted - (with_last - before)

    def _is_end_counted(self, by: By, end: datetime) -> bool | None:
        """Whether the API counts a call exactly at the end; None if it has no call there."""
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
        """Fetch the API's calls of a window, and request other calls that are expected in it by id."""
        seen = self._fetch(tail(self._client, Window(since, until), by))
        expected = self._comparison.expected_keys(by, since, until)
        self._ask([key for key in expected if key not in seen])

    def _ask(self, keys: Sequence[str]) -> None:
        """Fetch calls by id, which finds calls with changed times and shows which are gone."""
        found = self._fetch(self._by_id(keys))
        if gone := [key for key in keys if key not in found]:
            self._compare()  # earlier versions of them are compared first
            self._comparison.gone(gone)

    def _by_id(self, keys: Sequence[str]) -> Iterator[list[FetchedCall]]:
        ids = [number for key in keys if (number := call_id(key)) is not None]
        for start in range(0, len(ids), PER_PAGE):
            yield self._client.calls_by_id(ids[start : start + PER_PAGE])

    def _fetch(self, pages: Iterable[list[FetchedCall]]) -> set[str]:
        """Fetch calls, which are compared in batches, and return their keys."""
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
        """Compare the fetched calls that were not compared yet."""
        if self._waiting:
            self._comparison.compare(self._waiting)
            self._waiting = []

    # --- requests ---------------------------------------------------------------------------------

    def _each_day(self, stage: Stage) -> Iterator[Day]:
        """Iterate over the days and count the requests of each."""
        self._stage = stage
        for day in self._days:
            self._begin(day)
            yield day

    def _begin(self, day: Day) -> None:
        self._day = day
        self._stage.note(f"{day.since:%Y-%m-%d} by {day.by}")

    def _is_empty(self, day: Day) -> bool:
        """Whether the API counts no call on the day and none is expected."""
        return day.counted == 0 and self._comparison.expected(day.by, day.since, day.until) == (0, 0)

    def _charge(self) -> None:
        spent = self._client.counts.requests - self._charged
        self._charged += spent
        self._day.requests += spent
        self._stage.advance(spent)


def _pages(calls: int) -> int:
    """The number of requests that fetch this many calls: each page begins with the last call of the previous one."""
    return calls // (PER_PAGE - 1) + 1


def _cost(calls: int, differences: int) -> int:
    """The number of requests that find this many differences: by splitting, or by fetching if that is cheaper."""
    pages = _pages(calls)
    return min(pages, 1 + math.ceil(2 * differences * math.log2(pages)))
