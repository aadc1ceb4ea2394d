"""Read one closed window completely, even if calls change while it is read.

Page numbers would lose calls: an updated call moves to the end of the order, every later call moves up, and the one
that moves to the previous page is never seen. So each request starts from the last `updated_at` seen, inclusive, and
calls that were already seen are dropped. A call that is updated meanwhile leaves the window and is read by the next.

A second with 100 calls or more cannot be passed that way. It is read page by page, repeatedly, until a pass brings
nothing new.

The time of a call that is out of order, or of a page's last call that is far ahead of the others, is not believed: calls
behind it would be lost. A page without a readable time is passed by its page number.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pipelines.ccaip.client import By, Client, Page
from pipelines.ccaip.page import FetchedCall
from pipelines.ccaip.windows import END_OF_TIME, Window, whole_second
from pipelines.errors import ApiError

_MOST_PASSES = 5
_FAR_AHEAD = timedelta(hours=1)
_OUT_OF_ORDER = 0.05  # of a page's calls; with more the API does not sort


def tail(client: Client, window: Window, by: By = "updated_at") -> Iterator[list[FetchedCall]]:
    """The calls of `window`, page by page, each version once.

    With `by` queued_at, the calls queued in the window. Calls with an unreadable timestamp are included, so that they
    can be rejected. Raises `ApiError` if the API does not sort by the timestamp, because then completeness is unknown.
    """
    return Tail(client, window.since, window.until, by).pages()


class Tail:
    """Reads from `since` to `until` (UTC, inclusive), one request per page.

    `until` may be moved to an earlier second meanwhile, also by another thread. `first` is a response to an earlier
    request that reaches past `since` or to the end: reading begins with it instead of a request. `wary` means not to
    believe the last call of any page, for what was read once and came short.

    `page` is the last response, None while a second with many calls is paged. `left` is the API's count of calls after
    it, `total` its count from `since` on; None if the API gives no count. `answers` counts the responses used.
    """

    def __init__(
        self,
        client: Client,
        since: datetime,
        until: datetime,
        by: By = "updated_at",
        first: Page | None = None,
        wary: bool = False,
    ) -> None:
        self._client = client
        self._since = since
        self._start = since
        self._by: By = by
        self._first = first
        self._wary = wary
        self._seen: set[bytes] = set()
        self._crowded = False
        self.until = until
        self.page: Page | None = None
        self.total: int | None = None
        self.left: int | None = None
        self.is_over = False
        self.answers = 0

    @property
    def at(self) -> datetime:
        """Everything before this second (UTC) was read."""
        return self._since

    def pages(self) -> Iterator[list[FetchedCall]]:
        """The calls, page by page, each version once."""
        number = 1
        while True:
            handed, self._first = self._first, None
            page = self._in_order(handed or self._client.calls_since(self._since, by=self._by, page=number))
            self._answered(page)
            until = self.until
            last = self._last(page)
            fresh = self._fresh(page, until, self._start if handed else None)
            done = self._ends(page) or (last is not None and last > until)
            if not done and last is None:
                number += 1
                self._pass(page, fresh)
            elif not done and last is not None:
                number = 1
                self._move(page, last, handed is not None)
            self.is_over = done
            if fresh:
                yield fresh
            if done:
                return
            if self._crowded:
                yield from self._page_inside(self._since)
                self._since += timedelta(seconds=1)
                if self._since > self.until:
                    return
                self._seen = set()

    def _answered(self, page: Page) -> None:
        self.page = page
        self.answers += 1
        if self.total is None and page.total is not None:
            before = sum(
                (moment := self._moment(call)) is not None and moment < self._start for call in page.calls
            )
            self.total = page.total - before
        self.left = None if page.total is None else max(0, page.total - len(page.calls))

    def _pass(self, page: Page, fresh: list[FetchedCall]) -> None:
        """Continue after a page without a readable time."""
        if not fresh:
            raise ApiError(
                f"All calls of a page lack a readable {self._by}, so callmart cannot read past it.",
                "Check that page in the API. The calls before it are loaded.",
            )
        self._crowded = False
        self._seen = self._seen | {call.body for call in page.calls}

    def _move(self, page: Page, last: datetime, handed: bool) -> None:
        """Stand at the last second of a page; it is crowded when the page holds nothing else."""
        second = whole_second(last)
        self._crowded = second <= self._since and not handed
        self._since = max(second, self._since)
        in_second = {call.body for call in page.calls if self._in_second(call, self._since)}
        self._seen = self._seen | in_second if self._crowded else in_second

    def _page_inside(self, second: datetime) -> Iterator[list[FetchedCall]]:
        """The remaining calls of a second with more than a page of calls."""
        for _ in range(_MOST_PASSES):
            number, brought = 1, 0
            while True:
                page = self._in_order(self._client.calls_since(second, by=self._by, page=number))
                self.answers += 1
                self.page = None
                fresh = self._fresh(page, second + timedelta(microseconds=999_999))
                brought += len(fresh)
                self._seen |= {call.body for call in fresh}
                if fresh:
                    yield fresh
                last = self._last(page)
                if self._ends(page) or last is None or whole_second(last) > second:
                    break
                number += 1
            if not brought:
                return
        raise ApiError(
            f"The calls of one second ({second:%Y-%m-%dT%H:%M:%SZ}) keep changing while they are read.",
            "Run again in a few minutes, or raise [sources.ccaip] settle_seconds.",
        )

    def _fresh(self, page: Page, until: datetime, since: datetime | None = None) -> list[FetchedCall]:
        """The page's calls inside the window that were not read before."""
        return [
            call
            for call in page.calls
            if (
                (moment := self._moment(call)) is None
                or ((since is None or since <= moment) and moment <= until)
            )
            and call.body not in self._seen
        ]

    def _ends(self, page: Page) -> bool:
        """Whether this is the last page. `Link` is sometimes missing (vendor), so a full page is never the last."""
        return not page.calls or (len(page.calls) < self._client.per_page and not page.has_next)

    def _in_order(self, page: Page) -> Page:
        """The page; calls that are out of order, or after the end of time, have no time that can be believed."""
        moments = {place: moment for place, call in enumerate(page.calls) if (moment := self._moment(call))}
        timed = [(place, moment) for place, moment in moments.items() if moment <= END_OF_TIME]
        out_of_order = {timed[each][0] for each in _out_of_order([moment for _, moment in timed])}
        unbelievable = out_of_order | moments.keys() - {place for place, _ in timed}
        if not unbelievable:
            return page
        if len(out_of_order) > max(1, len(timed) * _OUT_OF_ORDER):
            raise ApiError(
                f"The API's response is not sorted by {self._by}, so callmart cannot know what it has missed.",
                "Ask the vendor whether sort_column and sort_direction still work on /calls. Nothing was loaded.",
            )
        calls = [
            _without_time(call, self._by) if place in unbelievable else call
            for place, call in enumerate(page.calls)
        ]
        return replace(page, calls=calls)

    def _last(self, page: Page) -> datetime | None:
        """The latest moment of the page that can be believed."""
        moments = [moment for call in page.calls if (moment := self._moment(call)) is not None]
        if len(moments) > 1 and not self._ends(page):
            first, *_, before, last = moments if len(moments) > 2 else (moments[0], *moments)
            if self._wary or last - before > max(before - first, _FAR_AHEAD):
                return before
        return moments[-1] if moments else None

    def _in_second(self, call: FetchedCall, second: datetime) -> bool:
        moment = self._moment(call)
        return moment is not None and whole_second(moment) == second

    def _moment(self, call: FetchedCall) -> datetime | None:
        return call.updated_at if self._by == "updated_at" else call.queued_at


def _without_time(call: FetchedCall, by: By) -> FetchedCall:
    return replace(call, updated_at=None) if by == "updated_at" else replace(call, queued_at=None)


def _out_of_order(moments: Sequence[datetime]) -> set[int]:
    """The places of the fewest moments without which the others are in order."""
    ends: list[datetime] = []  # of the longest ordered runs by length, each with the earliest end
    places: list[int] = []
    before: list[int | None] = []
    for place, moment in enumerate(moments):
        length = bisect_right(ends, moment)
        before.append(places[length - 1] if length else None)
        ends[length : length + 1] = [moment]
        places[length : length + 1] = [place]
    kept: set[int] = set()
    last = places[-1] if places else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return set(range(len(moments))) - kept
