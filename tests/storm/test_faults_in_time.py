"""What would be lost or stale of calls that move, come late, are dated ahead, vanish or lose parts of themselves."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from simulator.faults import SETTLING, Fault
from tests.extraction.living import START, LivingCalls, a_call, seconds, stamp
from tests.storm.weather import NOON, OPENS, DatedCalls, Weather, a_centre, a_storm, settled

pytestmark = pytest.mark.slow

END = a_centre().last_change + SETTLING
QUARTER = timedelta(minutes=15)


def test_calls_updated_while_they_are_paged_are_not_lost_behind_a_pages_edge(tmp_path):
    storm = a_storm(Fault.MOVING)
    stormy = storm.over(a_centre())
    with Weather(tmp_path, stormy, NOON, storm.transport()) as weather:
        weather.load()
        weather.load(NOON + timedelta(hours=2))
        assert storm.struck[Fault.MOVING] >= 20
        storm.stop()
        weather.load(END)
        weather.assert_holds(stormy.truth(END))


def test_changes_that_become_visible_behind_the_cursor_are_not_lost(tmp_path):
    calls = LivingCalls()
    for number in range(300):
        calls.put(START + seconds(10 * number), a_call(number))
    stormy = a_storm(Fault.LATE, share=1.0).over(calls)
    with Weather(tmp_path, stormy, START) as weather:
        for number in range(1, 4):
            weather.load(START + number * QUARTER, settle_seconds=0)  # so that it is left to the overlap
        weather.load(START + timedelta(hours=2))
        weather.assert_holds(calls.truth(START + timedelta(hours=2)))


def test_none_of_hundreds_of_calls_in_one_second_is_lost(tmp_path):
    stormy = a_storm(Fault.CROWDED).over(a_centre())
    truth = stormy.truth(END)
    assert max(Counter(call["updated_at"] for call in truth.values()).values()) > 250
    with Weather(tmp_path, stormy, END) as weather:
        weather.load()
        weather.assert_holds(truth)


def test_calls_dated_ahead_are_not_lost_and_drag_no_cursor_past_others(tmp_path):
    stormy = a_storm(Fault.FUTURE).over(a_centre())
    with Weather(tmp_path, stormy, NOON) as weather:
        for moment in (NOON, NOON + timedelta(hours=3), NOON + timedelta(hours=30), END):
            weather.load(moment)
        weather.assert_holds(stormy.truth(END))


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=1), timedelta(days=1500)])
def test_a_call_dated_ahead_lands_at_once_and_again_when_it_is_set_right(tmp_path, ahead):
    calls = DatedCalls()
    calls.put(START, a_call(1, updated_at=stamp(START + ahead), rating=1))
    calls.put(START + seconds(5), a_call(2))
    with Weather(tmp_path, calls, START + timedelta(minutes=10)) as weather:
        weather.load()
        weather.assert_holds(calls.truth(START + timedelta(minutes=10)))
        calls.put(START + timedelta(minutes=20), a_call(3))
        calls.put(START + timedelta(minutes=21), a_call(1, rating=2))
        weather.load(START + timedelta(minutes=40))
        weather.assert_holds(calls.truth(START + timedelta(minutes=40)))


def test_a_call_that_is_dated_ahead_and_changes_again_is_not_stale(tmp_path):
    calls = DatedCalls()
    calls.put(START, a_call(1, updated_at="2030-01-01T00:00:00Z", rating=1))
    with Weather(tmp_path, calls, START + timedelta(minutes=10)) as weather:
        weather.load()
        calls.put(START + timedelta(minutes=20), a_call(1, updated_at="2030-01-01T00:00:00Z", rating=2))
        weather.load(START + timedelta(minutes=40))
        weather.assert_holds(calls.truth(START + timedelta(minutes=40)))


def test_a_call_dated_some_minutes_ahead_lands_when_its_time_has_come(tmp_path):
    calls = DatedCalls()
    calls.put(START, a_call(1, updated_at=stamp(START + timedelta(minutes=30))))
    with Weather(tmp_path, calls, START + timedelta(minutes=10)) as weather:
        weather.load()
        weather.load(START + timedelta(minutes=45))
        weather.assert_holds(calls.truth(START + timedelta(minutes=45)))


def test_calls_that_vanish_stay_as_they_were_last_seen(tmp_path):
    stormy = a_storm(Fault.VANISHING).over(a_centre())
    seen = settled(stormy.truth(NOON), NOON)
    with Weather(tmp_path, stormy, NOON) as weather:
        weather.load()
        weather.load(END)
        gone = stormy.vanished(END) & seen.keys()
        assert len(gone) > 20
        weather.assert_holds(stormy.truth(END) | {call_id: seen[call_id] for call_id in gone})


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault.SHRINKING, id="rows of arrays that have become shorter"),
        pytest.param(Fault.REDACTED, id="names and texts that were taken out since"),
    ],
)
def test_nothing_stale_is_kept_of(fault, tmp_path):
    stormy = a_storm(fault).over(a_centre())
    with Weather(tmp_path, stormy, NOON) as weather:
        weather.load()
        weather.assert_holds(settled(stormy.truth(NOON), NOON))
        weather.load(END)
        weather.assert_holds(stormy.truth(END))


def test_a_change_that_moved_no_updated_at_is_not_taken_for_known_when_it_is_read_again(tmp_path):
    stormy = a_storm(Fault.SILENT).over(a_centre())
    with Weather(tmp_path, stormy, NOON) as weather:
        weather.load()
        weather.load(END)
        assert stormy.silent(END)
        weather.backfill(OPENS, END)
        weather.assert_holds(stormy.truth(END))
