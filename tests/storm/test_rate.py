"""What the vendor would refuse if threads did not share one pace: a load against a limit that is enforced."""

from __future__ import annotations

import pytest

from pipelines.ccaip import reader
from simulator.faults import SETTLING
from tests.storm.weather import Weather, a_centre

LIMIT = 10.0
END = a_centre().last_change + SETTLING


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    """So that several threads have something to read."""
    monkeypatch.setattr(reader, "CALLS_PER_WINDOW", 60)


def test_a_load_on_several_threads_stays_within_ten_requests_a_second_and_meets_no_429(tmp_path):
    with Weather(tmp_path, a_centre(), END, requests_per_second=LIMIT, per_page=8) as weather:
        weather.load(requests_per_second=LIMIT)
        stats = weather.platform.stats
        assert len(weather.ask("select distinct window_from from ccaip.load_windows")) > 4
        assert 60 <= stats.requests <= 130
        assert stats.too_many == 0
        assert stats.busiest() <= LIMIT


def test_a_load_that_may_ask_for_less_than_it_believes_slows_down_and_loses_nothing(tmp_path):
    truth = {each.call_id: a_centre().body(each.call_id, END) for each in a_centre().versions(END)}
    with Weather(
        tmp_path, a_centre(), END, requests_per_second=LIMIT, per_page=12, longest_pause_seconds=1
    ) as weather:
        weather.load(requests_per_second=4 * LIMIT)
        stats = weather.platform.stats
        assert 0 < stats.too_many < stats.requests / 3
        weather.assert_holds(truth)
