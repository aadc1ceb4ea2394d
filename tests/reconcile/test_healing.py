"""What would be called healed, or a miscount, and is not: a call that changes while it is compared and loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from simulator.platform import Platform
from tests.extraction.living import LivingCalls, seconds
from tests.reconcile.conftest import LOADED_AT, Centre, three_days
from tests.reconcile.test_reconcile import differences

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


def vanishing(restless: Centre, showing: int) -> None:
    """Let the call vanish when the platform has looked it up so often, to select, count or show it."""
    shown = []

    def vanish() -> None:
        shown.append(CALL)
        if len(shown) == showing:
            restless.vanish(CALL)
            restless.platform.clock.advance(seconds(1))

    restless.calls.change = vanish


def test_a_call_that_is_gone_when_it_is_looked_at_again_is_not_healed(restless):
    vanishing(restless, showing=3)  # when it has been compared
    report = restless.reconcile(heal=True)
    assert (report.stale, report.healed) == ((CALL,), ())
    assert "1 calls are missing or stale in the warehouse." in report.problems


def test_a_call_that_vanishes_after_it_was_counted_leaves_no_count_unexplained(restless):
    vanishing(restless, showing=2)  # when it has been counted
    report = restless.reconcile()
    assert differences(report) == ((), (), (CALL,))
    assert [day.unexplained for day in report.days] == [0] * 6
