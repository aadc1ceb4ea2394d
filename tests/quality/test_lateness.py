"""Settings recommended by figures that do not say what they are taken to say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.settings import Settings
from pipelines.warehouse.connect import Catalog, reading
from pipelines.warehouse.lateness import (
    Recommendation,
    UpdateLateness,
    VisibilityLateness,
    measure_updates,
    measure_visibility,
    recommend,
)
from tests.extraction.living import START, LivingCalls, a_call, seconds, stamp
from tests.extraction.test_load import loaded

DAY = timedelta(days=1)
UPDATES = UpdateLateness(1_000, 300, 1_200, 90_000)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """100 finished calls that changed 1 to 100 s after their end, and calls that tell nothing of lateness."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("set timezone = 'UTC'; create schema ccaip")
        db.execute("create table ccaip.calls (status text, ends_at timestamptz, updated_at timestamptz)")
        rows = [("finished", START - DAY, START - DAY + seconds(late)) for late in range(1, 101)]
        rows += [
            ("finished", START - DAY, START + 400 * DAY),  # dated in the future
            ("finished", START - 60 * DAY, START - 40 * DAY),  # long ago
            ("connected", START - 3 * DAY, START - DAY),  # not over
            ("finished", None, START - DAY),
            ("finished", START - DAY, START - 2 * DAY),  # changed before it ended
        ]
        db.executemany("insert into ccaip.calls values (?, ?, ?)", rows)
        db.execute("""
            create table ccaip.load_windows (why text, attempt bigint, verdict text, window_from timestamptz,
                window_until timestamptz, new_versions bigint, oldest_new_at timestamptz, started_at timestamptz)
        """)
        earlier, later, asked = START - seconds(3600), START + seconds(3600), START + seconds(90)
        quiet = ("overlap", 1, "complete", START - seconds(1800), START, 0, None, asked)
        rows = [
            *[quiet] * 30,
            # an overlap in two parts, up to the cursor at START
            ("overlap", 1, "complete", earlier, START - seconds(1800), 2, START - seconds(2000), asked),
            ("overlap", 1, "complete", START - seconds(1800), START, 1, START - seconds(30), asked),
            ("overlap", 1, "complete", START - seconds(600), START, 1, None, asked),  # of before it was noted
            ("overlap", 2, "complete", START - DAY, START, 50, START - DAY, asked),  # the first did not land
            ("overlap", 1, "mismatch", START - DAY, START, 50, START - DAY, asked),
            ("overlap", 1, "complete", START - 50 * DAY, START - 40 * DAY, 50, START - 50 * DAY, asked),
            ("tail", 1, "complete", earlier, START, 500, earlier, START - seconds(60)),
            (
                "tail",
                2,
                "complete",
                START - seconds(1200),
                START,
                5,
                earlier,
                asked,
            ),  # left open by a load before
            ("tail", 1, "complete", START, later, 500, START, asked + seconds(1)),
            ("tail", 1, "complete", later, later + seconds(60), 5, later, asked + seconds(1)),
        ]
        db.executemany("insert into ccaip.load_windows values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return path


def test_updates_are_measured_over_finished_calls_of_the_last_month(warehouse):
    with reading(Settings(warehouse)) as connection:
        assert measure_updates(Catalog(connection), START) == UpdateLateness(100, 50, 99, 100)


def test_only_overlaps_tell_of_rows_that_were_invisible(warehouse):
    with reading(Settings(warehouse)) as connection:
        assert measure_visibility(Catalog(connection), START) == VisibilityLateness(33, 3, 4, 2000, 600)


def test_a_ledger_of_an_older_callmart_bounds_how_late_rows_were(warehouse):
    with duckdb.connect(str(warehouse)) as db:
        db.execute("alter table ccaip.load_windows drop oldest_new_at")
    with reading(Settings(warehouse)) as connection:
        assert measure_visibility(Catalog(connection), START) == VisibilityLateness(33, 3, 4, 3600, 1800)


def test_a_warehouse_without_tables_has_no_lateness(tmp_path):
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    with reading(Settings(tmp_path / "empty.duckdb")) as connection:
        assert measure_updates(Catalog(connection), START) is None
        assert measure_visibility(Catalog(connection), START) == VisibilityLateness()


QUIET = VisibilityLateness(overlaps=400)
SELDOM = VisibilityLateness(overlaps=400, late_overlaps=20, late_rows=31, behind_seconds=840)
OFTEN = replace(SELDOM, late_overlaps=21, usual_behind_seconds=100)
FAR = replace(SELDOM, behind_seconds=1800)
FAR_AND_OFTEN = replace(OFTEN, behind_seconds=1800, usual_behind_seconds=1700)


@pytest.mark.parametrize(
    ("settle", "overlap", "seen", "settle_then", "overlap_then", "says"),
    [
        (60, 1800, VisibilityLateness(19, 19, 400, 1800, 1800), 60, 1800, "Not enough history yet"),
        (60, 1800, QUIET, 60, 1800, "the settle time of 60 s is enough"),
        (60, 1800, SELDOM, 60, 1800, "that is what the overlap is for"),
        (60, 1800, SELDOM, 60, 1800, "the oldest 14 min before the cursor"),
        (60, 1800, FAR, 60, 3600, "An overlap of 3,600 s"),  # the next may be later than the overlap reaches
        (60, 1800, OFTEN, 180, 1800, "21 of 400 overlaps brought rows (31 in all)"),
        (60, 1800, OFTEN, 180, 1800, "A settle time of 180 s"),
        (80, 1800, OFTEN, 240, 1800, "too often"),  # 180 s would be just too short
        (
            600,
            1800,
            FAR_AND_OFTEN,
            900,
            3600,
            "too often",
        ),  # later than that, the overlap is the better place
        (1200, 4000, FAR_AND_OFTEN, 1200, 4000, "too often"),  # never less than they are
    ],
)
def test_settings_grow_when_rows_keep_coming_late_and_not_otherwise(
    settle, overlap, seen, settle_then, overlap_then, says
):
    advice = recommend(settle, overlap, seen, None)
    assert (advice.settle_seconds, advice.overlap_seconds) == (settle_then, overlap_then)
    assert says in " ".join(advice.reasons)


def test_late_updates_are_no_reason_for_a_longer_settle_time_or_overlap():
    without: Recommendation = recommend(60, 1800, QUIET, None)
    advice = recommend(60, 1800, QUIET, UPDATES)
    assert (advice.settle_seconds, advice.overlap_seconds) == (60, 1800)
    (added,) = set(advice.reasons) - set(without.reasons)
    assert "99% of the updates came within 20 min of a call's end" in added


def test_a_row_that_becomes_visible_late_is_seen_in_the_ledger(home, serve):
    calls = LivingCalls()
    for call_id in range(1, 4):
        calls.put(START + seconds(call_id), a_call(call_id, ends_at=stamp(START)))
    platform = serve(calls)
    platform.clock.set(START + seconds(3600))
    first = loaded(platform, home)
    with reading(Settings(home.warehouse)) as connection:
        assert measure_visibility(Catalog(connection), first.until) == VisibilityLateness()
    calls.put(START + seconds(2), a_call(77))  # which the first load should have seen, and could not
    platform.clock.set(START + seconds(7200))
    second = loaded(platform, home)
    with reading(Settings(home.warehouse)) as connection:
        seen = measure_visibility(Catalog(connection), second.until)
        cursor = first.until - START
        assert seen == VisibilityLateness(1, 1, 1, cursor.total_seconds() - 2, cursor.total_seconds() - 2)
        assert measure_updates(Catalog(connection), second.until) == UpdateLateness(3, 2, 2, 3)
