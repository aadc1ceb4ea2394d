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

from pipelines.ccaip.client import Client, FetchedCall, Page
from pipelines.ccaip.windows import Window, whole_second
from pipelines.errors import ApiError

_MOST_PASSES = 5


def tail(client: Client, window: Window) -> Iterator[list[FetchedCall]]:
    """The calls of `window`, page by page, each version once.

    A call whose `updated_at` cannot be read comes too: it is for the reader to reject. Raises
    `ApiError` when the API does not sort by `updated_at`, for then nothing read is known complete.
    """
    since, seen = window.since, set[bytes]()
    while True:
        page = client.calls_since(since)
        fresh = _fresh(page, seen, window.until)
        if fresh:
            yield fresh
        last = _last_change(page)
        if _is_last(page, client) or (last is not None and last > window.until):
            return
        if last is None:
            raise ApiError(
                "A whole page of calls has no readable updated_at, so callmart cannot read past it.",
                "Look at that page in the API itself; the calls before it have landed.",
            )
        if whole_second(last) > since:
            since = whole_second(last)
        else:
            yield from _page_inside(client, since, seen)
            since += timedelta(seconds=1)
            if since > window.until:
                return
        seen = {call.body for call in page.calls if _in_second(call, since)}


def _page_inside(client: Client, second: datetime, seen: set[bytes]) -> Iterator[list[FetchedCall]]:
    """The rest of the calls of one second that has more than a page of them."""
    for _ in range(_MOST_PASSES):
        number, brought = 1, 0
        while True:
            page = client.calls_since(second, page=number)
            fresh = _fresh(page, seen, second + timedelta(microseconds=999_999))
            brought += len(fresh)
            seen |= {call.body for call in fresh}
            if fresh:
                yield fresh
            last = _last_change(page)
            if _is_last(page, client) or last is None or whole_second(last) > second:
                break
            number += 1
        if not brought:
            return
    raise ApiError(
        f"The calls of one second ({second:%Y-%m-%dT%H:%M:%SZ}) keep changing while they are read.",
        "Run again in a few minutes, or raise [sources.ccaip] settle_seconds.",
    )


def _fresh(page: Page, seen: set[bytes], until: datetime) -> list[FetchedCall]:
    """The page's calls inside the window that were not read before."""
    return [
        call
        for call in page.calls
        if (call.updated_at is None or call.updated_at <= until) and call.body not in seen
    ]


def _is_last(page: Page, client: Client) -> bool:
    """Whether nothing follows. `Link` has been missing at times (vendor), so a full page never is the last."""
    return not page.calls or (len(page.calls) < client.per_page and not page.has_next)


def _last_change(page: Page) -> datetime | None:
    """The latest `updated_at` of the page, having checked that the page is in order."""
    changes = [call.updated_at for call in page.calls if call.updated_at is not None]
    if changes != sorted(changes):
        raise ApiError(
            "The API's answer is not in the order of updated_at, so callmart cannot know what it has missed.",
            "Ask the vendor whether sort_column and sort_direction still work on /calls; nothing was loaded.",
        )
    return changes[-1] if changes else None


def _in_second(call: FetchedCall, second: datetime) -> bool:
    return call.updated_at is not None and whole_second(call.updated_at) == second
