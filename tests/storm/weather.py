"""One fault at a time: a platform with it, and a warehouse that is loaded from the platform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from pipelines.ccaip.client import Client
from pipelines.ccaip.package import Package
from pipelines.ccaip.page import parse_instant
from pipelines.ccaip.privacy.policy import KEEP_ALL, PrivacyFilter
from pipelines.ccaip.reader import Reader
from pipelines.ccaip.tables import TABLES
from pipelines.ccaip.windows import tail_windows
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.warehouse import load
from pipelines.warehouse.load import LoadReport
from simulator.calls import CallSource, CallVersion
from simulator.centre import Centre
from simulator.faults import Bounds, Fault, Storm
from simulator.platform import Clock, Credentials, Platform
from simulator.platform.api import Faults
from simulator.platform.instants import http_date
from tests.empty import with_warehouse
from tests.extraction.conftest import TOKEN, USER, settings_for
from tests.extraction.living import LivingCalls
from tests.extraction.oracle import expected_rows, landed
from tests.extraction.test_load import ask, assert_equals_platform

OPENS = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
"""When the simulated centre opens; it takes calls for a day."""

NOON = OPENS + timedelta(hours=14)
"""A moment with some hundred calls before and after it."""


@cache
def a_centre() -> Centre:
    """A small contact centre: about 400 calls, with everything that is documented."""
    return Centre.simulate(7, OPENS, days=1, calls_per_day=300)


def a_storm(*faults: Fault, seed: int = 7, probability: float = 1.0, share: float = 0.5) -> Storm:
    """A storm of a fault or a few, frequent but never long. `probability` and `share` are from 0 to 1."""
    bounds = Bounds(retry_after_seconds=0, slow_seconds=0.001)
    return Storm(seed, faults=faults, requests=2_000, probability=probability, share=share, bounds=bounds)


def settled(truth: dict[int, dict[str, Any]], now: datetime) -> dict[int, dict[str, Any]]:
    """The calls that have not changed in the minute before `now` (UTC); the next load reads the others."""
    return {
        call_id: call
        for call_id, call in truth.items()
        if (changed := parse_instant(call["updated_at"])) and changed <= now - timedelta(minutes=1)
    }


class DatedCalls(LivingCalls):
    """Calls that the API returns at their own `updated_at`, whenever it was set."""

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        return [
            CallVersion(
                each.call_id, parse_instant(self.body(each.call_id, now)["updated_at"]) or each.updated_at
            )
            for each in super().versions(now)
        ]


class Weather:
    """A platform over `source` at an instant (UTC), under `faults`, and a home in `folder`. For a `with` block.

    `requests_per_second` is the platform's limit, 0 for none. Loads use small pages, to have many of
    them, and retry quickly.
    """

    def __init__(
        self,
        folder: Path,
        source: CallSource,
        at: datetime,
        faults: Faults | None = None,
        *,
        requests_per_second: float = 0,
        per_page: int = 25,
        longest_pause_seconds: float = 0.01,
    ) -> None:
        self.home = Home(folder / "home")
        self._hurried = partial(Client, per_page=per_page, longest_pause_seconds=longest_pause_seconds)
        self.platform = Platform(
            source,
            clock=Clock.frozen(at),
            credentials=Credentials(USER, TOKEN),
            requests_per_second=requests_per_second,
            faults=faults,
        )
        self._open = ExitStack()

    def __enter__(self) -> Weather:
        with_warehouse(self.home)
        self._open.enter_context(self.platform)
        patched = self._open.enter_context(pytest.MonkeyPatch.context())
        patched.setattr(load, "Client", self._hurried)
        return self

    def __exit__(self, *raised: object) -> None:
        self._open.close()

    def load(self, at: datetime | None = None, **settings: Any) -> LoadReport:
        """Load what is new, at an instant of the platform's clock (UTC; None: the current one)."""
        if at is not None:
            self.platform.clock.set(at)
        chosen = replace(settings_for(self.platform, self.home), **settings)
        return load.load_new(chosen, self.home, SilentProgress())

    def read(self) -> list[Package]:
        """What a first load reads from the API, without loading it."""
        settings = settings_for(self.platform, self.home)
        with self._hurried(**settings.api) as client:
            now = client.server_now()
            windows = tail_windows(
                None, settings.start_date, now, settings.settle_seconds, settings.overlap_seconds
            )
            with Reader(client, windows, privacy=PrivacyFilter(KEEP_ALL)) as reader:
                return list(reader.packages())

    def backfill(self, start: datetime, end: datetime) -> LoadReport:
        """Load again what changed between the two (UTC)."""
        return load.backfill(settings_for(self.platform, self.home), self.home, SilentProgress(), start, end)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return ask(self.home, query)

    def assert_holds(self, truth: dict[int, dict[str, Any]]) -> None:
        """Assert that the warehouse has these calls, with every row of every table, and no others."""
        assert_equals_platform(self.home, truth)


def assert_read(packages: Sequence[Package], truth: dict[int, dict[str, Any]]) -> None:
    """Assert that these calls were read, with every row of every table, no others, and that no window was short."""
    for table in TABLES.values():
        rows = [row for package in packages for row in package.tables[table.name].to_pylist()]
        rows.sort(key=lambda row: [row[name] for name in table.key])
        expected = [row for _, call in sorted(truth.items()) for row in expected_rows(table, call)]
        assert [landed(table, row) for row in rows] == expected, table.name
    assert not any(read.is_short for package in packages for read in package.reads)


class Date:
    """Changes the platform's `Date` header with `change` while `lies` is true. None removes the header."""

    def __init__(self, change: Callable[[datetime], datetime | None]) -> None:
        self._change = change
        self.lies = True

    def strike(self, answer: Response, clock: Clock) -> Response:
        if self.lies:
            date = self._change(parsedate_to_datetime(answer.headers["Date"]))
            del answer.headers["Date"]
            if date is not None:
                answer.headers["Date"] = http_date(date)
        return answer
