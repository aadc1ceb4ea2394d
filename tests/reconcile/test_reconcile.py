"""What would stay wrong in the warehouse without anybody noticing. Real platform, real DuckDB."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipelines.ccaip.tables import TABLES
from pipelines.errors import CallmartError, ConfigurationError
from pipelines.warehouse.reconcile import ReconcileReport, reconcile
from simulator.faults import Fault, Storm
from simulator.platform import Platform
from tests.extraction.conftest import settings_for
from tests.extraction.living import START, LivingCalls, a_call, seconds
from tests.reconcile.conftest import HOUR, LOADED_AT, NEVER_QUEUED, QUIET, Centre, a_queued_call, queued

pytestmark = pytest.mark.slow

MIDNIGHT = START.replace(hour=0)


def delete(centre: Centre, *ids: int, tables: tuple[str, ...] = tuple(TABLES)) -> None:
    listed = ", ".join(map(str, ids))
    for name in tables:
        key = "id" if name == "calls" else "call_id"
        centre.by_hand(f"delete from ccaip.{name} where {key} in ({listed})")


def differences(report) -> tuple:
    return report.missing, report.stale, report.vanished


def test_a_warehouse_that_equals_the_api_has_nothing_to_complain_of(centre):
    for options in ({}, {"contents": False}):
        report = centre.reconcile(**options)
        assert differences(report) == ((), (), ())
        assert report.problems == ()
        assert report.pending == 0
    days = [(day.counted_by, day.day, day.counted_by_api, day.in_warehouse) for day in report.days]
    assert [count for by, _, count, _ in days if by == "queued_at"] == [15, 24, 21]
    assert sum(count for by, _, count, _ in days if by == "updated_at") == 63
    assert [count for *_, count in days] == [count for *_, count, _ in days]


def test_calls_deleted_by_hand_are_found_and_healed_with_their_rows(centre):
    delete(centre, 5, 6, 30, NEVER_QUEUED[0])
    report = centre.reconcile()
    assert differences(report) == ((5, 6, 30, NEVER_QUEUED[0]), (), ())
    assert "4 calls are missing or stale" in report.problems[0]
    healed = centre.reconcile(heal=True)
    assert healed.healed == healed.missing == report.missing
    assert healed.problems == ()
    assert centre.ask("select count(*) from ccaip.transfers where call_id in (5, 6, 30)") == [(6,)]
    assert centre.ask("select distinct why, verdict from ccaip.load_windows where why = 'heal'") == [
        ("heal", "complete")
    ]
    assert differences(centre.reconcile()) == ((), (), ())


def test_calls_deleted_by_hand_are_found_by_counting_alone(centre):
    delete(centre, 5, 30, NEVER_QUEUED[1])
    report = centre.reconcile(contents=False, heal=True)
    assert report.healed == report.missing == (5, 30, NEVER_QUEUED[1])
    assert centre.ask("select count(*) from ccaip.calls") == [(63,)]


def test_calls_that_differ_without_a_new_updated_at_and_rows_that_are_lost_or_doubled_are_found_and_healed(
    centre,
):
    """All in one warehouse, because healing is a load."""
    unseen = (
        "update ccaip.calls set updated_at = updated_at - interval 1 day, status = 'queued' where id = 40"
    )
    spaced = (
        "update ccaip.calls set custom_data_secured = replace(custom_data_secured, ':', ' : ') where id = 10"
    )
    centre.change_silently(11, rating=1)
    centre.change_silently(12, transfers=[{"id": 120}])
    centre.change_silently(13, custom_data_secured={"deep": [13, 1], "b": 1})
    centre.change_silently(NEVER_QUEUED[2], transfers=[])
    assert differences(centre.reconcile(contents=False)) == ((), (), ())  # what counts cannot see
    centre.by_hand(unseen)
    assert centre.reconcile(contents=False).stale == (40,)
    delete(centre, 6, tables=("transfers",))
    delete(centre, 7, tables=("redaction_times",))
    centre.by_hand("insert into ccaip.calls from ccaip.calls where id = 8")
    centre.by_hand("insert into ccaip.transfers from ccaip.transfers where call_id = 9 and idx = 0")
    centre.by_hand(spaced)  # white space between the tokens of JSON is no difference
    assert centre.ask("select contains(custom_data_secured, ' : ') from ccaip.calls where id = 10") == [
        (True,)
    ]

    report = centre.reconcile(heal=True)
    stale = (6, 7, 8, 9, 11, 12, 13, 40, NEVER_QUEUED[2])
    assert differences(report) == ((), stale, ())
    assert report.healed == stale
    assert report.problems == ()
    assert centre.ask("select count(*) from ccaip.calls where id = 8") == [(1,)]
    assert centre.ask("select count(*) from ccaip.transfers where call_id in (6, 9)") == [(4,)]
    assert centre.ask("select count(*) from ccaip.redaction_times where call_id = 7") == [(1,)]
    assert centre.ask("select rating from ccaip.calls where id = 11") == [(1,)]
    assert centre.ask("select count(*) from ccaip.transfers where call_id in (12, 103)") == [(1,)]
    assert centre.ask("select status from ccaip.calls where id = 40") == [("finished",)]


@pytest.mark.parametrize("contents", [True, False])
def test_vanished_calls_are_marked_keep_their_rows_and_lose_the_mark_when_they_are_back(centre, contents):
    gone = (20, NEVER_QUEUED[0])
    history = {call_id: centre.vanish(call_id) for call_id in gone}
    report = centre.reconcile(contents=contents, heal=True)
    assert differences(report) == ((), (), gone)
    assert "gone from the API" in report.problems[0]
    marked = centre.ask("select call_id, noticed_at from ccaip.vanished_calls order by 1")
    assert [call_id for call_id, _ in marked] == [*gone]
    assert centre.ask(f"select count(*) from ccaip.calls where id in {gone}") == [(2,)]

    again = centre.reconcile(contents=contents)
    assert (again.vanished, again.vanished_before, again.problems) == ((), 2, ())
    assert centre.ask("select call_id, noticed_at from ccaip.vanished_calls order by 1") == marked

    centre.calls.history |= history
    back = centre.reconcile(contents=contents)
    assert (back.reappeared, back.vanished_before, back.problems) == (gone, 0, ())
    assert centre.ask("select count(*) from ccaip.vanished_calls") == [(0,)]


@pytest.mark.parametrize("contents", [True, False])
def test_what_has_changed_since_the_load_is_neither_missing_nor_stale(centre, contents):
    later = LOADED_AT + seconds(300)
    centre.calls.put(later, a_queued_call(21, rating=5))
    centre.calls.put(later, a_call(NEVER_QUEUED[0], rating=5))
    centre.calls.put(later, a_queued_call(500, at=queued(40) + seconds(60)))
    centre.platform.clock.set(LOADED_AT + HOUR)
    report = centre.reconcile(contents=contents)
    assert differences(report) == ((), (), ())
    assert report.problems == ()
    assert report.pending == 3


def test_equal_counts_do_not_hide_one_missing_and_one_vanished(centre):
    delete(centre, 22)
    centre.vanish(23)
    report = centre.reconcile()
    assert differences(report) == ((22,), (), (23,))


def test_a_rejected_call_is_neither_missing_nor_vanished(centre):
    centre.calls.put(LOADED_AT, a_queued_call(24, rating=2.5))
    centre.calls.put(LOADED_AT, a_queued_call(200, at=LOADED_AT - HOUR, rating=2.5))
    centre.calls.put(LOADED_AT + HOUR, a_queued_call(25))
    centre.platform.clock.set(LOADED_AT + 2 * HOUR)
    centre.load()
    for contents in (True, False):
        report = centre.reconcile(contents=contents)
        assert differences(report) == ((), (), ())
        assert report.problems == ()
        assert contents is False or 200 in report.rejected
    # the counts, what has changed since the load, and whether the API counts a call at a seam: none for the rejected
    assert report.requests == len(report.days) + 2


def test_a_rejected_call_that_shows_another_face_now_is_stale(centre):
    centre.calls.put(LOADED_AT, a_queued_call(200, at=queued(40) + seconds(60), rating=2.5))
    centre.platform.clock.set(LOADED_AT + 2 * HOUR)
    centre.load()
    centre.change_silently(200, rating=2)
    report = centre.reconcile(heal=True)
    assert (report.stale, report.healed) == ((200,), (200,))
    assert centre.ask("select rating from ccaip.calls where id = 200") == [(2,)]
    assert centre.ask("select count(*) from ccaip.rejected_calls") == [(0,)]


def test_a_call_that_cannot_be_read_any_more_is_stale_until_its_body_is_kept(centre):
    centre.change_silently(24, rating="many")
    report = centre.reconcile(heal=True)
    assert (report.stale, report.rejected) == ((24,), ())
    assert centre.ask("select call_key from ccaip.rejected_calls") == [("24",)]
    again = centre.reconcile()
    assert (again.stale, again.rejected, again.problems) == ((), (24,), ())


def test_a_call_at_the_seam_of_two_days_is_no_difference(centre):
    midnight = MIDNIGHT + timedelta(days=1)
    for call_id in (301, 302, 303):
        centre.calls.put(midnight, a_queued_call(call_id, at=midnight))
    centre.by_hand("delete from ccaip.load_windows")  # the cursor
    centre.load()
    for contents in (True, False):
        report = centre.reconcile(contents=contents)
        assert report.problems == ()
    delete(centre, 302)
    assert centre.reconcile(contents=False).missing == (302,)


def test_what_was_found_is_written_down_day_by_day(centre):
    delete(centre, 5, 16, 30)  # the second at midnight: it is of the day that begins
    centre.reconcile(heal=True)
    rows = centre.ask(
        "select day, counted_by_api, in_warehouse, missing, stale, vanished, healed, compared, counted_until"
        " from ccaip.reconciled_days where counted_by = 'queued_at' order by day"
    )
    assert [row[1:8] for row in rows] == [
        (15, 14, 1, 0, 0, 1, True),
        (24, 22, 2, 0, 0, 2, True),
        (21, 21, 0, 0, 0, 0, True),
    ]
    assert [row[0] for row in rows] == [MIDNIGHT + timedelta(days=number) for number in range(3)]
    centre.reconcile(contents=False)
    again = centre.ask(
        "select in_warehouse, missing, compared from ccaip.reconciled_days where counted_by = 'queued_at' order by day"
    )
    assert again == [(15, 0, False), (24, 0, False), (21, 0, False)]


def test_only_the_days_asked_for_are_looked_at(centre):
    delete(centre, 5, 30, 55)
    report = centre.reconcile(queued(30), queued(40))  # the second is a midnight, and ends the day before
    assert (report.since, report.until) == (MIDNIGHT + timedelta(days=1), MIDNIGHT + timedelta(days=2))
    assert report.missing == (30,)
    assert {day.day for day in report.days} == {MIDNIGHT + timedelta(days=1)}


def test_a_range_that_nothing_was_loaded_of_says_so(centre):
    with pytest.raises(ConfigurationError, match="nothing to compare"):
        centre.reconcile(LOADED_AT + 48 * HOUR)


def test_before_the_first_load_the_mend_is_to_load(serve, new_home):
    with pytest.raises(CallmartError, match="no warehouse") as caught:
        reconcile(settings_for(serve(LivingCalls()), new_home), new_home, QUIET)
    assert "callmart run" in caught.value.mend


def test_a_load_of_nothing_leaves_nothing_to_miss(serve, new_home):
    platform = serve(LivingCalls())
    platform.clock.set(LOADED_AT)
    empty = Centre(LivingCalls(), platform, new_home)
    empty.load()
    assert empty.reconcile().problems == ()


def test_a_missing_call_without_an_id_is_told_of_and_brought_by_a_backfill(centre):
    centre.calls.put(queued(40) + seconds(61), a_queued_call(200, at=queued(40) + seconds(60)))
    centre.change_silently(200, id=None)
    report = centre.reconcile(heal=True)
    assert (report.missing, report.nameless, report.healed) == ((), 1, ())
    assert report.problems == ("1 calls without a readable id are missing: `callmart backfill` loads them.",)
    centre.backfill(queued(40), queued(41))
    assert centre.reconcile().problems == ()


def under(fault: Fault, centre: Centre, **options: Any) -> ReconcileReport:
    """What is found while the API has this fault in each of its answers."""
    storm = Storm(1, faults={fault}, requests=10_000, probability=1.0)
    with Platform(
        centre.calls,
        clock=centre.platform.clock,
        credentials=centre.platform.credentials,
        requests_per_second=0,
        faults=storm.transport(),
    ) as platform:
        report = Centre(centre.calls, platform, centre.home).reconcile(**options)
    assert storm.struck[fault] > 5
    return report


def test_a_count_that_nothing_explains_is_a_problem(centre):
    report = under(Fault.LYING_TOTAL, centre, contents=False)
    assert differences(report) == ((), (), ())
    unexplained = sum(day.unexplained > 0 for day in report.days)
    assert unexplained > 2
    assert report.problems == (f"On {unexplained} days the API counts calls that it does not return.",)


@pytest.mark.parametrize("contents", [True, False])
def test_an_api_that_does_not_count_is_read_instead(centre, contents):
    delete(centre, 5, NEVER_QUEUED[0])
    report = under(Fault.NO_TOTAL, centre, contents=contents)
    assert report.missing == (5, NEVER_QUEUED[0])
    assert report.problems == ("2 calls are missing or stale in the warehouse.",)
