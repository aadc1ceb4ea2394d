"""Reads stretches of `updated_at` and hands out packages: closed windows with the calls in them, parsed.

    stretches → windows → pages (several windows at once) → parsed in batches → Package

The next package is fetched and parsed in the background while the caller loads the one before, so that requests go
on while a package loads. At most one finished package waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from pipelines.ccaip.client import Client
from pipelines.ccaip.gather import Gatherer, Package
from pipelines.ccaip.privacy.forgotten import NOBODY, Forgotten
from pipelines.ccaip.privacy.policy import PrivacyFilter
from pipelines.ccaip.windows import CALLS_PER_WINDOW, Window, chunks, plan

CALLS_PER_PACKAGE = 20_000
"""About 180 MB of JSON, a small part of it in memory at a time. A package takes dlt a second whatever it holds."""


def _ignore(_: int) -> None:
    """A listener that nobody needs."""


class Reader:
    """Reads `stretches`, oldest first, in the background. Close it, or use it in a `with` block.

    `on_page` is told how many calls each page brought, `expect` how many are expected in all, as far as is known.
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
        self._gatherer = Gatherer(privacy, forgotten, on_page)
        self._expect = expect
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._coming = self._read(chunks(self._windows(stretches), calls_per_package))

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def packages(self) -> Iterator[Package]:
        """The packages, in the order of their windows. Raises what reading ran into."""
        coming = self._thread.submit(next, self._coming, None)
        while (package := coming.result()) is not None:
            coming = self._thread.submit(next, self._coming, None)
            yield package

    def close(self) -> None:
        """Stop reading; what is being fetched is of no use to anybody."""
        self._gatherer.cancel()
        self._thread.shutdown(cancel_futures=True)
        self._gatherer.close()

    def _read(self, together: Iterator[list[Window]]) -> Iterator[Package]:
        for windows in together:
            yield self._gatherer.gather(windows, self._client)

    def _windows(self, stretches: Iterable[Window]) -> Iterator[Window]:
        """The stretches cut into windows. What is asked for again, by id, or dated in the future is not cut."""
        expected = 0
        for stretch in stretches:
            whole = stretch.why == "future" or stretch.ids or stretch.attempt > 1 or stretch.is_planned
            for window in [stretch] if whole else plan(stretch, self._client.count, CALLS_PER_WINDOW):
                expected += window.expected or 0
                self._expect(expected)
                yield window
