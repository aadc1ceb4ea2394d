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


AHEAD = {101: timedelta(hours=3), 102: timedelta(days=1), 103: timedelta(days=1500)}
"""Calls that are dated ahead, and by how much."""
STILL_AHEAD = 104
"""A call that is dated ahead in its second version too."""
SOON = 105
"""A call that is dated half an hour ahead, and does not change."""


def test_calls_dated_ahead_land_at_once_and_again_when_they_change_and_hide_no_others(tmp_path):
    calls = DatedCalls()
    for call_id, ahead in AHEAD.items():
        calls.put(START, a_call(call_id, updated_at=stamp(START + ahead), rating=1))
    calls.put(START, a_call(STILL_AHEAD, updated_at="2030-01-01T00:00:00Z", rating=1))
    calls.put(START, a_call(SOON, updated_at=stamp(START + timedelta(minutes=30))))
    calls.put(START + seconds(5), a_call(1))
    with Weather(tmp_path, calls, START + timedelta(minutes=10)) as weather:
        weather.load()
        at_once = calls.truth(START + timedelta(minutes=10))
        del at_once[SOON]  # the load reads what is dated up to now, and what is dated far ahead
        weather.assert_holds(at_once)
        calls.put(START + timedelta(minutes=20), a_call(2))
        calls.put(
            START + timedelta(minutes=20), a_call(STILL_AHEAD, updated_at="2030-01-01T00:00:00Z", rating=2)
        )
        for call_id in AHEAD:
            calls.put(START + timedelta(minutes=21), a_call(call_id, rating=2))
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


def test_no_row_of_an_array_that_became_shorter_and_no_text_that_was_redacted_is_kept(tmp_path):
    stormy = a_storm(Fault.SHRINKING, Fault.REDACTED).over(a_centre())
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
