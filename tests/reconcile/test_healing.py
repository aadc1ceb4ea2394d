"""What would be called healed and is not: a call that goes on changing while it is compared and loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from simulator.platform import Platform
from tests.extraction.living import LivingCalls, seconds
from tests.reconcile.conftest import LOADED_AT, Centre, three_days

CALL = 30


@dataclass
class RestlessCalls(LivingCalls):
    """Calls of which one is changed by `change` each time it has been asked for."""

    change: Callable[[], None] = lambda: None

    def body(self, call_id: int, now: datetime) -> dict[str, Any]:
        body = super().body(call_id, now)
        if call_id == CALL:
            self.change()
        return body


@pytest.fixture
def restless(centre: Centre, serve: Callable[..., Platform]) -> Centre:
    """The centre; its warehouse has lost a word of the one call."""
    centre.by_hand(f"update ccaip.calls set lang = null where id = {CALL}")
    calls = RestlessCalls(three_days().history)
    platform = serve(calls)
    platform.clock.set(LOADED_AT)
    return Centre(calls, platform, centre.home)


def test_a_call_that_differs_again_after_it_was_loaded_is_not_healed(restless):
    ratings = iter(range(100))
    restless.calls.change = lambda: restless.change_silently(CALL, rating=next(ratings))
    report = restless.reconcile(heal=True)
    assert (report.stale, report.healed) == ((CALL,), ())
    assert report.problems == ("1 calls are missing or stale in the warehouse.",)
    assert sum(day.healed for day in report.days) == 0


def test_a_call_that_is_gone_when_it_is_looked_at_again_is_not_healed(restless):
    asked = []

    def vanish_when_loaded() -> None:
        asked.append(CALL)
        if len(asked) == 3:  # the platform has looked when it was queued, and reconcile has compared it
            restless.vanish(CALL)
            restless.platform.clock.advance(seconds(1))

    restless.calls.change = vanish_when_loaded
    report = restless.reconcile(heal=True)
    assert len(asked) == 3
    assert (report.stale, report.healed) == ((CALL,), ())
    assert "1 calls are missing or stale in the warehouse." in report.problems
