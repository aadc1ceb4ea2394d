"""What would be lost to answers that cannot be used, or that say the wrong thing. One fault at a time.

What a fault breaks is mended while the API is read, so that many tests look at what a load reads, and one at a load.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.responses import Response

from pipelines.errors import ApiError
from simulator.faults import BREAKING, QUIET, SETTLING, Fault
from simulator.platform import Clock
from tests.extraction.living import START, LivingCalls, a_call, seconds
from tests.storm.weather import NOON, Date, Weather, a_centre, a_storm, assert_read, settled

pytestmark = pytest.mark.slow

LOST = {
    Fault.TOO_MANY: "the page that a 429 refused without saying until when",
    Fault.TOO_MANY_SECONDS: "the page that a 429 put off by seconds",
    Fault.TOO_MANY_DATE: "the page that a 429 put off until a date",
    Fault.SERVER_ERROR: "the page that the application failed on",
    Fault.BAD_GATEWAY: "the page that a proxy did not get",
    Fault.UNAVAILABLE: "the page of a server in maintenance",
    Fault.RESET: "the page that a reset connection broke off",
    Fault.CUT_BODY: "the end of a body that is shorter than announced",
    Fault.CUT_JSON: "the end of a list of calls that breaks off",
    Fault.HTML: "the page in whose place an error came with status 200",
    Fault.SLOW: "the page that came late",
    Fault.NO_LINK: "all pages after one that does not name the next",
    Fault.NO_TOTAL: "a window of which nobody knows how much it holds",
    Fault.LYING_TOTAL: "a window that is said to be empty",
    Fault.CLOCK_SKEW: "the seconds by which the server's clock was off",
}
"""A fault that is new has no entry, and the test of it fails until it has."""


def each(faults: Collection[Fault]) -> list[Any]:
    return [pytest.param(fault, id=LOST.get(fault, f"UNNAMED {fault}")) for fault in sorted(faults)]


@pytest.mark.parametrize("fault", each([*BREAKING, Fault.SLOW]))
def test_a_load_reads_all_calls_in_spite_of(fault, tmp_path):
    storm = a_storm(fault, probability=0.6)
    with Weather(tmp_path, a_centre(), NOON, storm.transport()) as weather:
        packages = weather.read()
        assert storm.struck[fault] >= 5
        assert_read(packages, settled(truth_at(NOON), NOON))
    assert fault in LOST


def test_one_load_lands_all_calls_in_spite_of_all_these_faults_together(tmp_path):
    storm = a_storm(*BREAKING, probability=0.6)
    with Weather(tmp_path, a_centre(), NOON, storm.transport()) as weather:
        report = weather.load()
        assert len(storm.struck) >= 5
        assert not report.problems
        weather.assert_holds(settled(truth_at(NOON), NOON))


@pytest.mark.parametrize("fault", each(QUIET - {Fault.SLOW}))
def test_loads_in_and_after_the_storm_leave_out_nothing_of(fault, tmp_path):
    storm = a_storm(fault)
    end = a_centre().last_change + SETTLING
    with Weather(tmp_path, a_centre(), NOON, storm.transport()) as weather:
        weather.load()
        if fault is not Fault.CLOCK_SKEW:  # which moves the end of the window as well
            weather.assert_holds(settled(truth_at(NOON), NOON))
        assert storm.struck[fault] >= 10
        storm.stop()
        weather.load(end)
        weather.assert_holds(truth_at(end))
        assert weather.ask(OPEN_WINDOWS) == []
    assert fault in LOST


OPEN_WINDOWS = """
    select window_from, verdict, note from ccaip.load_windows
    where why <> 'future'
    qualify attempt = max(attempt) over (partition by window_id) and verdict <> 'complete'
"""


def truth_at(moment: datetime) -> dict[int, dict[str, Any]]:
    """The centre's calls as they are at `moment` (UTC)."""
    centre = a_centre()
    return {each.call_id: centre.body(each.call_id, moment) for each in centre.versions(moment)}


class NoCalls:
    """Says of every window that it is empty."""

    def strike(self, answer: Response, clock: Clock) -> Response:
        answer.headers["Total"] = "0"
        return answer


def test_windows_that_are_said_to_be_empty_are_read_all_the_same(tmp_path):
    with Weather(tmp_path, a_centre(), NOON, NoCalls()) as weather:
        assert_read(weather.read(), settled(truth_at(NOON), NOON))


def test_an_hour_of_calls_is_not_passed_over_because_one_date_header_was_hours_ahead(tmp_path):
    calls = LivingCalls()
    calls.put(START, a_call(1))
    date = Date(lambda right: right + timedelta(hours=2))
    with Weather(tmp_path, calls, START + seconds(300), date) as weather:
        weather.load()
        date.lies = False
        # both change before the instant up to which the first load believed to have seen everything
        calls.put(START + seconds(301), a_call(2))
        calls.put(START + seconds(3_000), a_call(3))
        weather.load(START + timedelta(hours=1))
        weather.assert_holds(calls.truth(START + timedelta(hours=1)))
        calls.put(START + timedelta(minutes=90), a_call(4))
        weather.load(START + timedelta(hours=4))
        weather.assert_holds(calls.truth(START + timedelta(hours=4)))


def test_a_date_header_that_was_hours_ahead_in_the_middle_of_things_hides_nothing(tmp_path):
    calls = LivingCalls()
    for number in range(12):
        calls.put(START + timedelta(minutes=20 * number), a_call(number))
    date = Date(lambda right: right + timedelta(hours=2))
    date.lies = False
    with Weather(tmp_path, calls, START + timedelta(minutes=65), date) as weather:
        weather.load()
        date.lies = True
        weather.load(START + timedelta(minutes=70))
        date.lies = False
        weather.load(START + timedelta(hours=5))
        weather.assert_holds(calls.truth(START + timedelta(hours=5)))


def test_a_date_header_that_was_hours_behind_costs_time_and_no_calls(tmp_path):
    calls = LivingCalls()
    calls.put(START, a_call(1))
    date = Date(lambda right: right - timedelta(hours=2))
    date.lies = False
    with Weather(tmp_path, calls, START + timedelta(hours=1), date) as weather:
        weather.load()
        calls.put(START + timedelta(hours=1, minutes=30), a_call(2))
        date.lies = True
        weather.load(START + timedelta(hours=2))
        date.lies = False
        weather.load(START + timedelta(hours=3))
        weather.assert_holds(calls.truth(START + timedelta(hours=3)))


def test_without_a_date_header_nothing_is_taken_for_complete(tmp_path):
    calls = LivingCalls()
    calls.put(START, a_call(1))
    date = Date(lambda right: None)
    with Weather(tmp_path, calls, START + timedelta(hours=1), date) as weather:
        with pytest.raises(ApiError, match="Date") as refused:
            weather.load()
        assert "proxy" in refused.value.mend
        date.lies = False
        weather.load()
        weather.assert_holds(calls.truth(START + timedelta(hours=1)))
