"""Three days of calls, loaded once; each test gets its own copy of the warehouse and its own platform."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.warehouse.load import LoadReport, backfill, load_new
from pipelines.warehouse.reconcile import ReconcileReport, reconcile
from simulator.platform import Clock, Credentials, Platform
from tests.empty import with_warehouse
from tests.extraction.conftest import TOKEN, USER, new_home, serve, settings_for
from tests.extraction.living import START, LivingCalls, a_call, seconds, stamp
from tests.queries import ask, change

__all__ = ["new_home", "serve"]  # fixtures of both folders

HOUR = timedelta(hours=1)
NEVER_QUEUED = (101, 102, 103)
LOADED_AT = START + 70 * HOUR
QUIET = SilentProgress()


def queued(call_id: int) -> datetime:
    """When a call of the centre was queued: one an hour, for three days."""
    return START + call_id * HOUR


def a_queued_call(call_id: int, at: datetime | None = None, **fields: Any) -> dict[str, Any]:
    """A call with two transfers. Every third writes its queueing with another offset."""
    moment = at or queued(call_id)
    told = stamp(moment)
    if call_id % 3 == 0:
        told = (moment - 7 * HOUR).strftime("%Y-%m-%dT%H:%M:%S.000-07:00")
    return a_call(
        call_id,
        queued_at=told,
        transfers=[{"id": 10 * call_id}, {"id": 10 * call_id + 1}],
        custom_data_secured={"deep": [call_id, None], "b": 1},
        recordings=[{"id": 1, "redaction_times": [{"duration": 1.5}]}],
        **fields,
    )


def three_days() -> LivingCalls:
    calls = LivingCalls()
    for call_id in range(1, 61):
        calls.put(queued(call_id) + seconds(600), a_queued_call(call_id))
    for call_id in NEVER_QUEUED:
        calls.put(START + (call_id - 90) * HOUR, a_call(call_id, transfers=[{"id": 1}]))
    return calls


@dataclass
class Centre:
    """A platform, its calls, and a warehouse that has loaded them."""

    calls: LivingCalls
    platform: Platform
    home: Home

    @property
    def settings(self) -> Settings:
        return settings_for(self.platform, self.home)

    def load(self) -> LoadReport:
        return load_new(self.settings, self.home, QUIET)

    def backfill(self, start: datetime, end: datetime) -> LoadReport:
        return backfill(self.settings, self.home, QUIET, start, end)

    def reconcile(self, *dates: datetime, **options: Any) -> ReconcileReport:
        """Compare, shortly after the changes of the calls."""
        self.platform.clock.advance(seconds(1))
        return reconcile(self.settings, self.home, QUIET, *dates, **options)

    def by_hand(self, statements: str) -> None:
        """Change the warehouse, like a user with a SQL client."""
        change(self.home.warehouse, statements)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return ask(self.home.warehouse, query)

    def change_silently(self, call_id: int, **fields: Any) -> None:
        """Change a call without a new `updated_at`."""
        moment, body = self.calls.history[call_id][-1]
        self.calls.history[call_id][-1] = (moment, body | fields)

    def vanish(self, call_id: int) -> list[tuple[datetime, dict[str, Any]]]:
        """Remove a call from the API, and return its history to restore it."""
        return self.calls.history.pop(call_id)


@pytest.fixture(scope="session")
def loaded_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse that has loaded the three days."""
    home = with_warehouse(Home(tmp_path_factory.mktemp("loaded")))
    clock = Clock.frozen(LOADED_AT)
    with Platform(
        three_days(), clock=clock, credentials=Credentials(USER, TOKEN), requests_per_second=0
    ) as platform:
        load_new(settings_for(platform, home), home, QUIET)
    return home.warehouse


@pytest.fixture
def centre(loaded_warehouse: Path, tmp_path: Path, serve: Callable[..., Platform]) -> Centre:
    home = Home(tmp_path / "home")
    home.activate()
    shutil.copy(loaded_warehouse, home.warehouse)
    calls = three_days()
    platform = serve(calls)
    platform.clock.set(LOADED_AT)
    return Centre(calls, platform, home)
