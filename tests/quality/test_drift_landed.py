"""Drift on its way into the warehouse: counted by load, told once, and stopped where a contract says so."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from pipelines.ccaip.drift import Drift
from pipelines.cli.console import show_new_drift
from pipelines.errors import QualityError
from tests.extraction.living import START, LivingCalls, a_call, seconds
from tests.extraction.test_load import ask, loaded

HOUR = timedelta(hours=1)
STATUS = Drift("new_value", "calls", "status", "hibernating")
MOOD = Drift("new_key", "calls", "mood")


@pytest.fixture
def calls() -> LivingCalls:
    calls = LivingCalls()
    for call_id in range(1, 4):
        calls.put(START + seconds(call_id), a_call(call_id, status="hibernating"))
    return calls


def drift_of_runs(home) -> list[tuple]:
    return ask(
        home,
        "select field, value, occurrences, dense_rank() over (order by min_at) from (select *,"
        " min(noticed_at) over (partition by run_id) as min_at from ccaip.drift) order by 4, 1",
    )


def test_drift_is_kept_counted_by_load_and_told_once(home, serve, calls, capsys):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    first = loaded(platform, home)
    assert first.new_drift == Counter({STATUS: 3})
    assert ask(home, "select distinct status from ccaip.calls") == [("hibernating",)]
    calls.put(START + 2 * HOUR, a_call(9, status="hibernating", mood="good"))
    platform.clock.set(START + 3 * HOUR)
    second = loaded(platform, home, overlap_seconds=60)
    assert second.new_drift == Counter({MOOD: 1})
    assert drift_of_runs(home) == [
        ("status", "hibernating", 3, 1),
        ("mood", "", 1, 2),
        ("status", "hibernating", 4, 2),  # the overlap has read the first three again
    ]
    show_new_drift(second.new_drift)
    assert "new key calls.mood (1×)" in capsys.readouterr().out


def test_a_broken_contract_lands_nothing_and_a_mended_one_everything(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    with pytest.raises(QualityError, match=r"calls\.status: hibernating"):
        loaded(platform, home, fatal_drift=("calls.status",))
    assert ask(home, "select count(*) from ccaip.calls") == [(0,)]
    assert loaded(platform, home, fatal_drift=("calls.fail_reason",)).calls == 3
