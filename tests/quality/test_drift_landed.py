"""Drift on its way into the warehouse: counted by load, told once, and stopped where a contract says so."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from pipelines.ccaip.drift import Drift
from pipelines.ccaip.privacy.policy import KEEP_ALL, Policy
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
    show_new_drift(second.new_drift, KEEP_ALL)
    assert "new key calls.mood (1×): kept in _extra. Reported once" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("drift", "by_default", "when_all_is_kept"),
    [
        (Drift("new_key", "calls", "mood"), "withheld by the privacy policy", "kept in _extra"),
        (Drift("new_value", "calls", "status", "hibernating"), "kept", "kept"),
        (Drift("new_type", "calls", "ends_at", "number, expected an instant"), *2 * ["the call is rejected"]),
        (Drift("new_type", "calls", "updated_at", "missing"), *2 * ["the call is rejected"]),
        (Drift("new_type", "calls", "rating", "text, read as a whole number"), "", ""),
    ],
    ids=str,
)
def test_what_is_said_of_drift_is_what_became_of_it(drift, by_default, when_all_is_kept, capsys):
    for policy, outcome in ((Policy(), by_default), (KEEP_ALL, when_all_is_kept)):
        show_new_drift(Counter({drift: 2}), policy)
        said = f"{drift} (2×){outcome and ': '}{outcome}. Reported once; `callmart status` keeps the count.\n"
        assert capsys.readouterr().out == said


def test_a_broken_contract_lands_nothing_and_a_mended_one_everything(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    with pytest.raises(QualityError, match=r"calls\.status: hibernating"):
        loaded(platform, home, fatal_drift=("calls.status",))
    assert ask(home, "select count(*) from ccaip.calls") == [(0,)]
    assert loaded(platform, home, fatal_drift=("calls.fail_reason",)).calls == 3
