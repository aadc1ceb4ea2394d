"""Reads one closed window completely, however the calls move while it is read.

Page numbers lose calls here: a call that is updated moves to the end of the order, every later one
moves up a place, and the one that crosses a page's edge is never seen. So nothing is paged: each
request asks again from the last `updated_at` seen, inclusive, and what was already seen is dropped.
A call that is updated meanwhile leaves the window; the next window reads it in its newer version.

A second with 100 calls or more cannot be passed that way and is paged inside, again and again until
a pass brings nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from pipelines.ccaip.client import By, Client, Page
from pipelines.ccaip.page import FetchedCall
from pipelines.ccaip.windows import Window, whole_second
from pipelines.errors import ApiError

_MOST_PASSES = 5


def tail(client: Client, window: Window, by: By = "updated_at") -> Iterator[list[FetchedCall]]:
    """The calls of `window`, page by page, each version once.

    `by` queued_at reads the calls queued in the window instead. A call whose timestamp cannot be
    read comes too: it is for the reader to reject. Raises `ApiError` when the API does not sort by
    it, for then nothing read is known complete.
    """
    return _Tail(client, window, by).pages()


class _Tail:
    """One reading of a window. `_seen` are the bodies already read of the second it stands at."""

    def __init__(self, client: Client, window: Window, by: By) -> None:
        self._client = client
        self._until = window.until
        self._since = window.since
        self._by: By = by
        self._seen: set[bytes] = set()

    def pages(self) -> Iterator[list[FetchedCall]]:
        while True:
            page = self._client.calls_since(self._since, by=self._by)
            if fresh := self._fresh(page, self._until):
                yield fresh
            last = self._last(page)
            if self._ends(page) or (last is not None and last > self._until):
                return
            if last is None:
                raise ApiError(
                    f"A whole page of calls has no readable {self._by}, so callmart cannot read past it.",
                    "Look at that page in the API itself; the calls before it have landed.",
                )
            if whole_second(last) > self._since:
                self._since = whole_second(last)
            else:
                yield from self._page_inside(self._since)
                self._since += timedelta(seconds=1)
                if self._since > self._until:
                    return
            self._seen = {call.body for call in page.calls if self._in_second(call, self._since)}

    def _page_inside(self, second: datetime) -> Iterator[list[FetchedCall]]:
        """The rest of the calls of one second that has more than a page of them."""
        for _ in range(_MOST_PASSES):
            number, brought = 1, 0
            while True:
                page = self._client.calls_since(second, by=self._by, page=number)
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

    def _fresh(self, page: Page, until: datetime) -> list[FetchedCall]:
        """The page's calls inside the window that were not read before."""
        return [
            call
            for call in page.calls
            if ((moment := self._moment(call)) is None or moment <= until) and call.body not in self._seen
        ]

    def _ends(self, page: Page) -> bool:
        """Whether nothing follows. `Link` has been missing at times (vendor): a full page is never the last."""
        return not page.calls or (len(page.calls) < self._client.per_page and not page.has_next)

    def _last(self, page: Page) -> datetime | None:
        """The latest moment of the page, having checked that the page is in order."""
        moments = [moment for call in page.calls if (moment := self._moment(call)) is not None]
        if moments != sorted(moments):
            raise ApiError(
                f"The API's answer is not in the order of {self._by}, so callmart cannot know what it has missed.",
                "Ask the vendor whether sort_column and sort_direction still work on /calls; nothing was loaded.",
            )
        return moments[-1] if moments else None

    def _in_second(self, call: FetchedCall, second: datetime) -> bool:
        moment = self._moment(call)
        return moment is not None and whole_second(moment) == second

    def _moment(self, call: FetchedCall) -> datetime | None:
        return call.updated_at if self._by == "updated_at" else call.queued_at
