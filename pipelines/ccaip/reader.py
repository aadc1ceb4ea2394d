"""Read periods of `updated_at` and yield packages: closed windows with their parsed calls.

    with Reader(client, windows, privacy=privacy, forgotten=forgotten) as reader:
        for package in reader.packages():   # in the order of `windows`
            load(package)                   # the next package is read and parsed meanwhile

A long period is read by several threads and cut into windows while it is read (`window_queue`). Each window is *closed*
separately: read to its end, then counted by the API, and read once more if fewer calls came than the API counts.
`updated_at[to]` is only used to count. A package is a sequence of closed windows. A window that is requested again
(`attempt` > 1) is neither cut nor packed together with others.

The number of concurrent requests is chosen to reach the client's rate, given how long a request takes.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType

from pipelines.ccaip.client import Client
from pipelines.ccaip.package import BATCH, Package, Parser, Version, combine, keep_newest
from pipelines.ccaip.page import FetchedCall
from pipelines.ccaip.privacy.forgotten import NOBODY, Forgotten
from pipelines.ccaip.privacy.policy import PrivacyFilter
from pipelines.ccaip.tail import Tail
from pipelines.ccaip.window_queue import OpenWindow, Part, WindowQueue
from pipelines.ccaip.windows import Window
from pipelines.steps import reached

CALLS_PER_PACKAGE = 20_000
"""About 180 MB of JSON, a small part of it in memory at a time. A package takes dlt about a second, whatever its size."""

CALLS_PER_WINDOW = 10_000
"""The number of calls in a window. Each closed window costs a request to count it; an open one is read again."""

_THREADS = 8
_WAIT_SECONDS = 0.2  # how often a thread checks for changes without a notification


def _ignore(_: int) -> None:
    """The default listener, which does nothing."""


class _Stopped(Exception):
    """The reader was closed, or another thread has failed."""


class Reader:
    """Reads `stretches`, oldest first, in its own threads. Close it, or use it in a `with` block.

    `on_page` is called with the number of calls of each page, `expect` with the total number expected; both from threads
    of the reader, never at the same time. A package has `calls_per_package` calls or, because it ends with a window,
    somewhat more.
    """

    def __init__(
        self,
        client: Client,
        stretches: Iterable[Window],
        *,
        privacy: PrivacyFilter,
        forgotten: Forgotten = NOBODY,
        calls_per_package: int = CALLS_PER_PACKAGE,
        on_page: Callable[[int], None] = _ignore,
        expect: Callable[[int], None] = _ignore,
    ) -> None:
        self._client = client
        self._on_page = on_page
        self._parser = Parser(privacy, forgotten)
        per_window = min(CALLS_PER_WINDOW, calls_per_package)
        self._queue = WindowQueue(client, stretches, per_window, calls_per_package, expect)
        self._changed = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None
        self._busy = 0
        self._quickest: float | None = None  # seconds of the fastest request
        self._ready: queue.Queue[Package | None] = queue.Queue(1)
        self._threads = [
            threading.Thread(target=self._read, name=f"read-{number}", daemon=True)
            for number in range(_THREADS)
        ]
        self._threads.append(threading.Thread(target=self._pack, name="pack", daemon=True))
        self._started = False

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def packages(self) -> Iterator[Package]:
        """The packages in the order of their windows. An error while reading is raised after the packages before it."""
        if not self._started:
            self._started = True
            for thread in self._threads:
                thread.start()
        while (package := self._ready.get()) is not None:
            with self._changed:
                self._changed.notify_all()  # there is room for the next one
            yield package
        if self._error:
            raise self._error

    def close(self) -> None:
        """Stop reading, and wait for requests in flight."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._started:
            for thread in self._threads:
                thread.join()
        self._parser.close()

    # --- reading ----------------------------------------------------------------------------------

    def _read(self) -> None:
        """The loop of each reading thread."""
        with self._keeping_errors():
            while (task := self._next_task()) is not None:
                try:
                    task()
                finally:
                    with self._changed:
                        self._busy -= 1
                        self._changed.notify_all()

    def _next_task(self) -> Callable[[], None] | None:
        with self._changed:
            while True:
                self._raise_if_stopped()
                if self._queue.is_read:
                    return None
                if self._busy < self._most_at_once() and (task := self._task()) is not None:
                    self._busy += 1
                    return task
                self._changed.wait(_WAIT_SECONDS)

    def _most_at_once(self) -> int:
        """The number of concurrent requests that reach the client's rate."""
        if self._quickest is None:
            return 1
        return min(_THREADS, int(self._client.requests_per_second * self._quickest) + 2)

    def _task(self) -> Callable[[], None] | None:
        if (window := self._queue.next_to_close()) is not None:
            return lambda: self._close(window)
        if (found := self._queue.next_to_read()) is not None:
            return lambda: self._read_page(*found)
        return None

    def _read_page(self, window: OpenWindow, part: Part) -> None:
        requests, answers = part.client.counts.requests, part.tail.answers
        started = time.monotonic()
        calls = next(part.pages, None)
        seconds = time.monotonic() - started
        if calls is not None:
            self._count_behind(window, part)
        with self._changed:
            if part.client.counts.requests == requests + 1 and part.tail.answers <= answers + 1:
                self._quickest = min(seconds, self._quickest or seconds)
            calls = self._queue.answered(window, part, calls)
            self._changed.notify_all()
        self._keep(window, calls)
        with self._changed:
            part.busy = False
            self._changed.notify_all()

    def _keep(self, window: OpenWindow, calls: list[FetchedCall]) -> None:
        """Add a page's calls to a window, and parse them once there are enough for a batch."""
        if not calls:
            return
        with self._changed:
            self._raise_if_stopped()
            reached("fetch")
            window.read.note(calls)
            self._on_page(len(calls))
            keep_newest(window.unparsed, (Version(call, window.read) for call in calls))
            if len(window.unparsed) < BATCH:
                return
            batch, window.unparsed = window.unparsed, {}
        parsed = self._parser.submit(batch)
        with self._changed:
            window.batches.append(parsed)

    def _count_behind(self, window: OpenWindow, part: Part) -> None:
        """Request the count of calls after the end of a period that does not end now, if that saves requests."""
        stretch = window.read.window
        if not window.is_cuttable or part.total is not None or part.tail.total is None:
            return
        with self._changed:
            if part is not window.parts[0] or part.tail.at >= stretch.until:
                return
            if not self._queue.is_long(part) or self._queue.is_followed(window):
                return
        counted = stretch.expected
        if counted is None:
            counted = part.client.count(stretch.since, stretch.until)
        if counted is not None:
            with self._changed:
                window.after = max(0, part.tail.total - counted)

    def _close(self, window: OpenWindow) -> None:
        """Compare with the API's count; read the window once more if it is short."""
        read, client = window.read, self._client.counting()
        if read.window.why not in ("future", "heal"):
            read.counted_after = window.counted_by_answer
            if read.counted_after is None:
                read.counted_after = client.count(read.window.since, read.window.until)
            if read.is_short:
                for calls in Tail(client, read.window.since, read.window.until, wary=True).pages():
                    self._keep(window, calls)
        for part in window.parts:
            read.counts.add(part.client.counts)
        read.counts.add(client.counts)
        read.finished_at = datetime.now(UTC)
        with self._changed:
            window.closed = True
            self._changed.notify_all()

    # --- packages ---------------------------------------------------------------------------------

    def _pack(self) -> None:
        """The loop of the packing thread."""
        with self._keeping_errors():
            while (windows := self._next_package()) is not None:
                self._put(self._package(windows))
        self._put(None)

    def _next_package(self) -> list[OpenWindow] | None:
        with self._changed:
            while True:
                if self._closed:
                    raise _Stopped
                windows, is_whole = self._queue.next_package()
                if windows and (is_whole or self._error) and not self._ready.full():
                    return windows
                if not windows and (self._error or self._queue.is_empty):
                    return None
                self._changed.wait(_WAIT_SECONDS)

    def _package(self, windows: list[OpenWindow]) -> Package:
        batches = [batch for window in windows for batch in window.batches]
        unparsed: dict[str, Version] = {}
        for window in windows:
            keep_newest(unparsed, window.unparsed.values())
            if len(unparsed) >= BATCH:
                batches.append(self._parser.submit(unparsed))
                unparsed = {}
        if unparsed or not batches:
            batches.append(self._parser.submit(unparsed))
        with self._changed:
            reads = self._queue.take(windows)
            self._changed.notify_all()
        return combine([batch.result() for batch in batches], reads)

    def _put(self, package: Package | None) -> None:
        while True:
            if self._closed:
                with suppress(queue.Empty):
                    self._ready.get_nowait()
                package = None
            with suppress(queue.Full):
                self._ready.put(package, timeout=_WAIT_SECONDS)
                return

    # --- the end ----------------------------------------------------------------------------------

    def _raise_if_stopped(self) -> None:
        if self._closed or self._error:
            raise _Stopped

    @contextmanager
    def _keeping_errors(self) -> Iterator[None]:
        """Keep the error of a thread for the consumer of the packages, and stop the other threads."""
        try:
            yield
        except _Stopped:
            pass
        except BaseException as error:
            with self._changed:
                self._error = self._error or error
                self._changed.notify_all()
