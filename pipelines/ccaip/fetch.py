"""Reads several windows at once: pages as they come, and what was asked and counted for each window.

The windows of a chunk are shared out among a few threads, all under the client's one pace. Pages go
through a short queue, so that a slow reader slows the fetching down instead of filling memory.

Before and after a window is read the API is asked how many calls it has there. A call that changes
meanwhile leaves the window, so the number after is what must have been read at the least; when fewer
came, the window is read once more, and the ledger says so if that did not help.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipelines.ccaip.client import Client, RequestCounts
from pipelines.ccaip.page import FetchedCall
from pipelines.ccaip.tail import tail
from pipelines.ccaip.windows import Window
from pipelines.steps import reached

READERS = 8
"""Threads that read windows: enough to use ten requests a second when each takes most of a second."""

_PAGES_WAITING = 2 * READERS
_TURN_SECONDS = 0.2  # how soon a cancelled fetch is noticed


@dataclass
class WindowRead:
    """What reading a window came to; complete when its thread is done.

    `fetched` counts versions as they came, `keys` are the calls among them. `newest` is the latest
    change seen (UTC).
    """

    window: Window
    started_at: datetime
    finished_at: datetime | None = None
    counted_after: int | None = None
    fetched: int = 0
    newest: datetime | None = None
    counts: RequestCounts = field(default_factory=RequestCounts)
    keys: set[str] = field(default_factory=set)

    @property
    def is_short(self) -> bool:
        """Whether fewer calls came than the API counts in the window."""
        return self.counted_after is not None and len(self.keys) < self.counted_after

    def note(self, calls: Sequence[FetchedCall]) -> None:
        """Take account of a page."""
        self.fetched += len(calls)
        self.keys.update(call.key for call in calls)
        for call in calls:
            if call.updated_at and (self.newest is None or call.updated_at > self.newest):
                self.newest = call.updated_at


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """Calls that came together, and the place of their window among those asked for."""

    window: int
    calls: list[FetchedCall]


class Fetch:
    """One go at some windows. `reads` is in the order of the windows and whole when `pages` is exhausted."""

    def __init__(self, client: Client, windows: Sequence[Window], cancelled: threading.Event) -> None:
        self._client = client
        self._cancelled = cancelled
        self._stopped = threading.Event()
        self._pages: queue.Queue[FetchedPage | None] = queue.Queue(_PAGES_WAITING)
        self.reads = [WindowRead(window, datetime.now(UTC)) for window in windows]

    def pages(self) -> Iterator[FetchedPage]:
        """The pages of all windows, in the order they come. Raises what a thread ran into."""
        with ThreadPoolExecutor(min(READERS, len(self.reads)), thread_name_prefix="fetch") as threads:
            running = [threads.submit(self._read, number) for number in range(len(self.reads))]
            for thread in running:
                thread.add_done_callback(self._wake)
            try:
                while not self._is_over(running):
                    if page := self._next():
                        yield page
            finally:
                self._stopped.set()
                threads.shutdown(cancel_futures=True)

    def _next(self) -> FetchedPage | None:
        with suppress(queue.Empty):
            return self._pages.get(timeout=_TURN_SECONDS)
        return None

    def _wake(self, _: Future[None]) -> None:
        """A thread is done, and may have had nothing to put: whoever waits for a page shall not wait in vain."""
        with suppress(queue.Full):
            self._pages.put_nowait(None)

    def _is_over(self, running: list[Future[None]]) -> bool:
        """Whether all pages were handed out. Raises what a thread ran into: the rest is of no use then."""
        done = [thread for thread in running if thread.done()]
        for thread in done:
            thread.result()
        # the queue is looked at last: a thread puts its last page before it is done
        return len(done) == len(running) and self._pages.empty()

    def _read(self, number: int) -> None:
        read = self.reads[number]
        read.started_at = datetime.now(UTC)
        client = self._client.counting()
        read.counts = client.counts
        self._read_once(client, number)
        if read.window.why not in ("future", "heal"):
            read.counted_after = client.count(read.window.since, read.window.until)
            if read.is_short:
                self._read_once(client, number)
        read.finished_at = datetime.now(UTC)

    def _read_once(self, client: Client, number: int) -> None:
        read = self.reads[number]
        for calls in _pages_of(client, read.window):
            reached("fetch")
            read.note(calls)
            self._put(FetchedPage(number, calls))

    def _put(self, page: FetchedPage) -> None:
        while True:
            if self._cancelled.is_set() or self._stopped.is_set():
                raise CancelledError
            with suppress(queue.Full):
                self._pages.put(page, timeout=_TURN_SECONDS)
                return


def _pages_of(client: Client, window: Window) -> Iterator[list[FetchedCall]]:
    if not window.ids:
        yield from tail(client, window)
        return
    for start in range(0, len(window.ids), client.per_page):
        yield client.calls_by_id(window.ids[start : start + client.per_page])
