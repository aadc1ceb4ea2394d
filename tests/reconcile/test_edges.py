"""What would be missed, or found for nothing, at the edge of what was loaded and at the seams of days."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import pytest

from simulator.platform import Platform
from tests.extraction.living import START, a_call, seconds, stamp
from tests.reconcile.conftest import HOUR, LOADED_AT, NEVER_QUEUED, Centre, a_queued_call, queued, three_days
from tests.storm.weather import DatedCalls

NEWEST = 60
AT_MIDNIGHT = 16


@pytest.fixture
def dated_centre(centre: Centre, serve: Callable[..., Platform]) -> Centre:
    """The centre, whose API finds calls where their own `updated_at` says; one of each kind is dated ahead."""
    calls = DatedCalls(three_days().history)
    ahead = stamp(LOADED_AT + 48 * HOUR)
    calls.put(LOADED_AT, a_queued_call(500, at=queued(40) + seconds(60), updated_at=ahead))
    calls.put(LOADED_AT, a_call(501, updated_at=ahead))
    platform = serve(calls)
    platform.clock.set(LOADED_AT + HOUR)
    dated = Centre(calls, platform, centre.home)
    dated.load()
    return dated


def test_the_newest_call_of_all_is_not_taken_for_one_that_is_to_come(centre):
    centre.by_hand(f"delete from ccaip.calls where id = {NEWEST}")
    report = centre.reconcile()
    assert (report.missing, report.pending) == ((NEWEST,), 0)


def test_a_call_that_became_visible_late_is_left_to_the_overlap_of_the_next_load(centre):
    centre.calls.put(START + 65 * HOUR, a_queued_call(500, at=queued(40) + seconds(60)))
    report = centre.reconcile()
    assert (report.missing, report.pending, report.problems) == ((), 1, ())
    centre.platform.clock.set(LOADED_AT + HOUR)
    centre.load()
    assert centre.ask("select count(*) from ccaip.calls where id = 500") == [(1,)]


def test_a_call_dated_ahead_that_changed_silently_is_stale(dated_centre):
    assert dated_centre.reconcile().problems == ()
    dated_centre.change_silently(500, rating=1)
    assert dated_centre.reconcile().stale == (500,)


def test_a_call_dated_ahead_and_never_queued_is_looked_at_though_no_day_leads_to_it(dated_centre):
    dated_centre.vanish(501)
    assert dated_centre.reconcile().vanished == (501,)


def test_a_call_that_vanished_from_a_seam_does_not_tell_how_the_api_counts_seams(centre):
    """At the next seam stands a call that the API counts on both days: it must not fill the gap."""
    centre.vanish(AT_MIDNIGHT)
    report = centre.reconcile(contents=False)
    assert report.vanished == (AT_MIDNIGHT,)
    counted = [day.counted_by_api for day in report.days if day.counted_by == "queued_at"]
    assert counted == [15, 23, 21]
    assert [day.unexplained for day in report.days] == [0] * 6


def test_an_api_that_does_not_count_the_end_of_a_stretch_hides_no_missing_call_behind_one_there(
    centre, monkeypatch
):
    midnight = queued(AT_MIDNIGHT)
    centre.calls.put(midnight, a_queued_call(5))
    centre.backfill(midnight - HOUR, midnight + HOUR)
    monkeypatch.setattr("simulator.platform.index.bisect_right", bisect_left)  # of `updated_at` alone
    assert centre.reconcile(contents=False).problems == ()
    centre.by_hand(f"delete from ccaip.calls where id = {NEVER_QUEUED[0]}")
    assert centre.reconcile(contents=False).missing == (NEVER_QUEUED[0],)
