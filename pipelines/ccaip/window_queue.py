"""The queue of windows to read: which page is next, and where a long window is cut.

Nothing here sends requests, waits or locks: `reader` does that. Only the oldest few windows are read at a time. A long one
is cut into windows of about `calls_per_window` calls, each with its own entry in the ledger. If too few pages can be
requested at the same time, a window is read in several parts.

Where to cut is estimated from the `Total` of each response, which counts the calls from the requested instant on: the
difference of two is the number of calls between. A wrong estimate costs requests, never calls. If `Total` is missing or
contradicts what is read, a full window ends on the page just read, and the next one continues from that page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from pipelines.ccaip.client import Client, Page
from pipelines.ccaip.package import Batch, Version, WindowRead
from pipelines.ccaip.page import FetchedCall
from pipelines.ccaip.tail import Tail
from pipelines.ccaip.windows import Window, whole_second

_WINDOWS_AT_ONCE = 4
_PACKAGES_AHEAD = 2  # packages that are read ahead of the consumer
_PAGES_WORTH_SHARING = 8  # a part with fewer pages left is not shared
_TOTAL_TOLERANCE = 1_000  # calls that may arrive or move while a part is read
_SECOND = timedelta(seconds=1)


@dataclass(eq=False)
class Part:
    """A part of a window that is read page by page.

    `total` counts the calls from its start on, `behind` those after its end; None while unknown.
    """

    tail: Tail
    client: Client
    pages: Iterator[list[FetchedCall]]
    total: int | None = None
    behind: int | None = None
    fetched: int = 0
    busy: bool = False
    done: bool = False

    @property
    def left(self) -> int | None:
        """The API's count of calls after the last page; None before the first page or if it gives no count."""
        return self.tail.left if self.tail.page else None

    def end(self) -> None:
        """Stop reading, and record how many calls follow."""
        self.done = True
        if self.tail.page is not None and self.left is not None:
            until = self.tail.until
            self.behind = self.left + sum(
                call.updated_at is not None and call.updated_at > until for call in self.tail.page.calls
            )


@dataclass(eq=False)
class OpenWindow:
    """A window that is being read. `after` is the number of calls after its end (None: unknown).

    `unparsed` are calls that are not parsed yet, `batches` those that are parsed or being parsed.
    """

    read: WindowRead
    parts: list[Part]
    is_cuttable: bool
    after: int | None = None
    is_expected: bool = False
    unparsed: dict[str, Version] = field(default_factory=dict)
    batches: list[Future[Batch]] = field(default_factory=list)
    closing: bool = False
    closed: bool = False

    @property
    def is_read(self) -> bool:
        """Whether all of its pages are read, and parsed or being parsed."""
        return all(part.done and not part.busy for part in self.parts)

    @property
    def counted_by_answer(self) -> int | None:
        """The count of a window that was read with one response, if its `Total` equals the number of its calls."""
        if len(self.parts) > 1 or self.parts[0].tail.answers != 1:
            return None
        page = self.parts[0].tail.page
        if page is None or page.has_next or page.total != len({call.key for call in page.calls}):
            return None
        return len(self.read.keys)


class WindowQueue:
    """The windows in order, from those being read to those that are ready to be packed.

    `on_expected` is called with the total number of calls expected.
    """

    def __init__(
        self,
        client: Client,
        stretches: Iterable[Window],
        calls_per_window: int,
        calls_per_package: int,
        on_expected: Callable[[int], object],
    ) -> None:
        self._client = client
        self._stretches = iter(stretches)
        self._per_window = calls_per_window
        self._per_package = calls_per_package
        self._on_expected = on_expected
        self._expected = 0
        self._windows: list[OpenWindow] = []
        self._no_more = False
        self._trusts_totals = True

    @property
    def is_read(self) -> bool:
        """Whether every window is closed and no more follow."""
        return self._no_more and all(window.closed for window in self._windows)

    @property
    def is_empty(self) -> bool:
        """Whether every window is in a package and no more follow."""
        return self._no_more and not self._windows

    def next_to_close(self) -> OpenWindow | None:
        """The oldest window that was read to its end, marked as taken."""
        for window in self._windows:
            if window.is_read and not window.closing:
                window.closing = True
                return window
        return None

    def next_to_read(self) -> tuple[OpenWindow, Part] | None:
        """The part whose next page is to be requested, marked as taken; the oldest first.

        None if everything is read or being read, or if enough windows are ready to be packed.
        """
        if (found := self._next_part()) is not None:
            found[1].busy = True
        return found

    def answered(self, window: OpenWindow, part: Part, calls: list[FetchedCall] | None) -> list[FetchedCall]:
        """Process a response; `calls` are None if the part is at its end. Returns the window's calls."""
        if part.total is None and part.tail.page:
            part.total = part.tail.total
            self._expect(window, part)
        if calls is None:
            part.end()
            self._hand_on(window, part)
            return []
        if self._end_here(window, part, len(calls)):
            part.end()
        if not window.read.window.ids:
            until = window.read.window.until  # it may have been cut while the request was in flight
            calls = [call for call in calls if call.updated_at is None or call.updated_at <= until]
        part.fetched += len(calls)
        self._check_totals(part)
        return calls

    def is_followed(self, window: OpenWindow) -> bool:
        """Whether the number of calls after a window is known."""
        return self._total_behind(window, len(window.parts) - 1) is not None

    def is_long(self, part: Part) -> bool:
        """Whether more than a window's calls may be left of a part."""
        return part.left is not None and part.left > self._per_window

    def next_package(self) -> tuple[list[OpenWindow], bool]:
        """The closed windows that make up the next package, and whether no more belong to it."""
        together: list[OpenWindow] = []
        calls = 0
        for window in self._windows:
            # windows that are requested again must not block others
            alone = window.read.window.attempt > 1
            if together and (alone or calls >= self._per_package):
                return together, True
            if not window.closed:
                return together, False
            together.append(window)
            calls += len(window.read.keys)
            if alone:
                return together, True
        return together, self._no_more or calls >= self._per_package

    def take(self, windows: list[OpenWindow]) -> list[WindowRead]:
        """Remove the oldest windows and return them for a package."""
        for window in windows:
            window.read.window = self._with_count(window)
        del self._windows[: len(windows)]
        return [window.read for window in windows]

    # --- what to read next ------------------------------------------------------------------------

    def _next_part(self) -> tuple[OpenWindow, Part] | None:
        is_full = (
            sum(len(window.read.keys) for window in self._windows) >= _PACKAGES_AHEAD * self._per_package
        )
        if is_full and self.next_package()[1]:
            return None
        at_once = 1 if is_full else _WINDOWS_AT_ONCE
        windows = [window for window in self._windows if not window.closed][:at_once]
        for window in windows:
            for part in window.parts:
                if not part.busy and not part.done:
                    return window, part
        if len(windows) < at_once:
            for window in windows:
                if (new := self._cut(window)) is not None:
                    return new, new.parts[0]
            if (new := self._next_stretch()) is not None:
                return new, new.parts[0]
        return self._share(windows)

    def _next_stretch(self) -> OpenWindow | None:
        stretch = None if self._no_more else next(self._stretches, None)
        if stretch is None:
            self._no_more = True
            return None
        is_first = stretch.attempt == 1
        window = OpenWindow(
            WindowRead(stretch, datetime.now(UTC)),
            [self._part(stretch)],
            is_cuttable=is_first and stretch.why in ("tail", "overlap", "backfill"),
            # a tail ends now: the few newer calls do not matter to the estimate
            after=0 if is_first and stretch.why == "tail" else None,
        )
        self._windows.append(window)
        if stretch.expected:
            self._expect_more(window, stretch.expected)
        return window

    def _part(self, window: Window, first: Page | None = None) -> Part:
        client = self._client.counting()
        tail = Tail(client, window.since, window.until, first=first)
        return Part(tail, client, _by_id(client, window.ids) if window.ids else tail.pages())

    def _share(self, windows: list[OpenWindow]) -> tuple[OpenWindow, Part] | None:
        """Split the longest part in two."""
        longest: tuple[int, OpenWindow, Part] | None = None
        for window in windows if self._trusts_totals else ():
            for number, part in enumerate(window.parts):
                behind = self._total_behind(window, number)
                if part.done or part.left is None or behind is None or window.read.window.ids:
                    continue
                rest = part.left - behind
                if longest is None or rest > longest[0]:
                    longest = rest, window, part
        if longest is None or longest[0] < _PAGES_WORTH_SHARING * self._client.per_page:
            return None
        _, window, part = longest
        place = _between(part, 0.5)
        if place is None:
            return None
        new = self._part(replace(window.read.window, since=place, until=part.tail.until))
        part.tail.until = place
        window.parts.insert(window.parts.index(part) + 1, new)
        return window, new

    # --- where to cut -----------------------------------------------------------------------------

    def _cut(self, window: OpenWindow) -> OpenWindow | None:
        """End a window where it is estimated to be full. Returns the rest as a new window."""
        last = window.parts[-1]
        if not window.is_cuttable or not self._trusts_totals or last.done or last.left is None:
            return None
        behind = self._total_behind(window, len(window.parts) - 1)
        if behind is None:
            return None
        here, rest = len(window.read.keys), last.left - behind
        if rest <= 0 or here + rest <= 1.5 * self._per_window:
            return None
        place = _between(last, max(self._per_window - here, self._client.per_page) / rest)
        return None if place is None else self._divide(window, place)

    def _end_here(self, window: OpenWindow, part: Part, calls: int) -> bool:
        """End a full window on the page just read. The next one continues from the same page."""
        page = part.tail.page
        if not window.is_cuttable or part is not window.parts[-1] or page is None or part.tail.is_over:
            return False
        if len(window.read.keys) + calls < self._per_window:
            return False
        behind = self._total_behind(window, len(window.parts) - 1)
        if part.left is not None and behind is not None and part.left - behind < 0.5 * self._per_window:
            return False
        # the last second may continue after the page, the one before it is complete
        place = part.tail.at - _SECOND
        first = next((call.updated_at for call in page.calls if call.updated_at), None)
        if first is None or first >= place or not window.read.window.since < place < part.tail.until:
            return False
        self._divide(window, place, page)
        return True

    def _divide(self, window: OpenWindow, place: datetime, page: Page | None = None) -> OpenWindow:
        """End a window at a second. Returns the rest as a new window.

        The last piece keeps the id, so that a window planned in the ledger is complete only with it.
        """
        whole, last = window.read.window, window.parts[-1]
        later = replace(whole, since=place, until=last.tail.until, expected=None)
        window.read.window = replace(
            whole,
            until=place,
            expected=None,
            window_id=uuid4().hex,
            cut_from=whole.cut_from or whole.window_id,
        )
        last.tail.until = place
        rest = OpenWindow(
            WindowRead(later, datetime.now(UTC)),
            [self._part(later, page)],
            is_cuttable=True,
            after=window.after,
            is_expected=True,
        )
        window.after = None
        self._windows.insert(self._windows.index(window) + 1, rest)
        return rest

    def _hand_on(self, window: OpenWindow, part: Part) -> None:
        """Start the next window with the page that this one ended on."""
        page, end = part.tail.page, window.read.window.until
        if part is not window.parts[-1] or page is None or window.read.window.attempt > 1:
            return
        following = self._windows.index(window) + 1
        if following == len(self._windows) and self._next_stretch() is None:
            return
        later = self._windows[following]
        first, its = later.parts[0], later.read.window
        if its.ids or its.attempt > 1 or its.since != end or first.busy or first.tail.answers:
            return
        tail = Tail(first.client, its.since, first.tail.until, first=page)
        later.parts[0] = replace(first, tail=tail, pages=tail.pages())

    # --- how many calls ---------------------------------------------------------------------------

    def _total_behind(self, window: OpenWindow, number: int) -> int | None:
        """The API's count of calls after the end of a part."""
        if (behind := window.parts[number].behind) is not None:
            return behind
        if number + 1 < len(window.parts):
            return window.parts[number + 1].total
        if window.after is not None:
            return window.after
        following = self._windows.index(window) + 1
        if following < len(self._windows):
            later = self._windows[following]
            if later.read.window.since == window.read.window.until:
                return later.parts[0].total
        return None

    def _with_count(self, window: OpenWindow) -> Window:
        """The window with the API's count before it was read."""
        read = window.read.window
        if read.expected is not None or read.why in ("future", "heal"):
            return read
        counted = window.counted_by_answer
        first, behind = window.parts[0].total, self._total_behind(window, len(window.parts) - 1)
        if counted is None and first is not None and behind is not None and first >= behind:
            counted = first - behind
        return replace(read, expected=counted)

    def _check_totals(self, part: Part) -> None:
        if part.total is None or part.left is None:
            return
        wrong = abs(part.total - part.left - part.fetched)
        if wrong > _TOTAL_TOLERANCE + 0.1 * part.fetched:
            self._trusts_totals = False

    def _expect(self, window: OpenWindow, part: Part) -> None:
        behind = self._total_behind(window, len(window.parts) - 1)
        if (
            part is window.parts[0]
            and not window.is_expected
            and part.total is not None
            and behind is not None
        ):
            self._expect_more(window, max(0, part.total - behind))

    def _expect_more(self, window: OpenWindow, calls: int) -> None:
        window.is_expected = True
        self._expected += calls
        self._on_expected(self._expected)


def _between(part: Part, share: float) -> datetime | None:
    """The second at a share of a part's remaining time; None if there is none."""
    at, until = part.tail.at, part.tail.until
    place = whole_second(at + share * (until - at))
    return place if at + _SECOND < place < until else None


def _by_id(client: Client, ids: tuple[int, ...]) -> Iterator[list[FetchedCall]]:
    for start in range(0, len(ids), client.per_page):
        yield client.calls_by_id(ids[start : start + client.per_page])
