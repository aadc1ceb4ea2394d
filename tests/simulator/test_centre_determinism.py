"""The same seed must give the same centre, and a longer horizon the same beginning."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from simulator.centre import Centre
from simulator.centre.arrivals import call_times
from simulator.centre.calendar import Calendar

START = datetime(2026, 3, 2, 5, tzinfo=UTC)


def picture(centre: Centre, now: datetime) -> dict[int, str]:
    return {v.call_id: json.dumps(centre.body(v.call_id, now)) for v in centre.versions(now)}


@pytest.fixture(scope="module")
def centre() -> Centre:
    return Centre.simulate(seed=3, start=START, days=1.5, calls_per_day=500)


def test_the_same_seed_gave_another_centre(centre: Centre) -> None:
    again = Centre.simulate(seed=3, start=START, days=1.5, calls_per_day=500)
    assert picture(again, again.last_change) == picture(centre, centre.last_change)
    assert again.truth(again.last_change) == centre.truth(centre.last_change)


def test_another_seed_gave_the_same_centre(centre: Centre) -> None:
    other = Centre.simulate(seed=4, start=START, days=1.5, calls_per_day=500)
    assert picture(other, centre.end) != picture(centre, centre.end)


def test_a_longer_horizon_changed_what_had_been(centre: Centre) -> None:
    longer = Centre.simulate(seed=3, start=START, days=4, calls_per_day=500)
    assert len(longer) > len(centre)
    for now in (START + timedelta(hours=15.2), centre.end - timedelta(seconds=1)):
        assert picture(longer, now) == picture(centre, now)
        assert longer.truth(now) == centre.truth(now)


def test_a_start_without_a_zone_was_taken_for_some_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Centre.simulate(seed=3, start=datetime(2026, 3, 2))  # noqa: DTZ001


@pytest.mark.parametrize(("zone", "day", "hours"), [
    ("America/New_York", datetime(2026, 3, 8, 5, tzinfo=UTC), 23),
    ("America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC), 25),
    ("Asia/Kathmandu", datetime(2026, 3, 7, 18, 15, tzinfo=UTC), 24),
])  # fmt: skip
def test_a_day_of_changing_clocks_lost_or_doubled_its_calls(zone: str, day: datetime, hours: int) -> None:
    calendar = Calendar(ZoneInfo(zone))
    first = int(day.timestamp())
    times = list(call_times(1, calendar, first, first + hours * 3600, 2000))
    assert times == sorted(times)
    assert {calendar.local(at).date() for at in times} == {calendar.local(first).date()}
    assert 800 < len(times) < 1400  # a Sunday has about half of an average day
