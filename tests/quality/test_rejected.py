"""Rejected calls that would be forgotten, doubled, shown to whom they are not meant for, or put over newer ones."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import duckdb
import pytest

from pipelines.ccaip.parse_sql import FAULT
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.warehouse.connect import reading
from pipelines.warehouse.rejected import rejected_calls, too_many_rejected
from pipelines.warehouse.retry import RetryReport, retry
from tests.extraction.conftest import settings_for
from tests.extraction.living import START, LivingCalls, a_call, seconds, stamp
from tests.extraction.test_load import a_busy_call, ask, assert_equals_platform, loaded

HOUR = timedelta(hours=1)


def read_again(platform, home) -> tuple[int, int, int, int]:
    report: RetryReport = retry(settings_for(platform, home), home, SilentProgress())
    return report.tried, report.landed, report.still_rejected, report.outdated


@pytest.fixture
def calls() -> LivingCalls:
    calls = LivingCalls()
    for call_id in range(1, 6):
        calls.put(START + seconds(call_id), a_busy_call(call_id))
    return calls


@pytest.fixture
def wrongly_declared(monkeypatch):
    """callmart as it was before a fix: it takes no whole number for one, and can read no call."""
    with monkeypatch.context() as before:
        before.setitem(FAULT, "bigint", "leaf is not null")
        yield before


def test_calls_that_a_fix_can_read_land_without_asking_the_api(home, serve, calls, wrongly_declared):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    assert loaded(platform, home).rejected == 5
    wrongly_declared.undo()
    before = platform.stats.requests
    assert read_again(platform, home) == (5, 5, 0, 0)
    assert platform.stats.requests == before
    assert_equals_platform(home, calls.truth(platform.clock.now()))
    assert ask(home, "select count(*) from ccaip.rejected_calls") == [(0,)]
    assert read_again(platform, home) == (0, 0, 0, 0)


def test_what_still_cannot_be_read_stays_once_with_its_window_and_one_attempt_more(home, serve, calls):
    platform = serve(calls)
    calls.put(START, a_call(50, rating=2.5))
    calls.put(START, a_call(51))
    calls.history[51][0][1]["id"] = {"no": "id"}
    platform.clock.advance(HOUR)
    loaded(platform, home)
    calls.put(START + 2 * HOUR, a_call(52, rating=2.5))
    platform.clock.set(START + 3 * HOUR)
    loaded(platform, home, overlap_seconds=1)
    kept = "select call_key, reason, attempt, window_from, window_until, body from ccaip.rejected_calls order by 1"
    before = ask(home, kept)
    assert [row[2] for row in before] == [1, 1, 1]
    assert len({row[3:5] for row in before}) == 2
    assert read_again(platform, home) == (3, 0, 3, 0)
    assert ask(home, kept) == [(*row[:2], 2, *row[3:]) for row in before]
    assert_equals_platform(home, {i: c for i, c in calls.truth(platform.clock.now()).items() if i < 50})


def test_a_call_that_is_rejected_again_counts_its_attempts(home, serve, calls):
    platform = serve(calls)
    calls.put(START + HOUR - seconds(100), a_call(50, rating=2.5))
    for hours in (1, 2, 3):
        platform.clock.set(START + timedelta(hours=hours))
        loaded(platform, home, overlap_seconds=7200)
    assert ask(home, "select attempt from ccaip.rejected_calls") == [(3,)]


def test_a_kept_version_never_overwrites_a_newer_one(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    loaded(platform, home)
    old = json.dumps(a_call(3, updated_at=stamp(START - HOUR), status="queued"))
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute(
            "insert into ccaip.rejected_calls (call_key, reason, body, whole, window_from, window_until, _dlt_load_id)"
            " values ('3', 'of old', ?, true, ?, ?, 'x')",
            [old, START - 2 * HOUR, START],
        )
    assert read_again(platform, home) == (1, 0, 0, 1)
    assert_equals_platform(home, calls.truth(platform.clock.now()))
    assert ask(home, "select count(*) from ccaip.rejected_calls") == [(0,)]


def test_bodies_are_read_only_when_asked_for(home, serve, calls):
    platform = serve(calls)
    calls.put(START, a_call(50, rating=2.5, feedback="Ann was kind"))
    platform.clock.advance(HOUR)
    loaded(platform, home)
    with reading(Settings(home.warehouse)) as connection:
        (without,) = rejected_calls(connection)
        (with_body,) = rejected_calls(connection, bodies=True)
    assert (without.call_key, without.attempt, without.body) == ("50", 1, None)
    assert without.reason == "rating: expected a whole number"
    assert "Ann was kind" in (with_body.body or "")


def test_too_many_rejected_calls_are_a_problem_and_the_rest_lands(home, serve, calls):
    platform = serve(calls)
    for call_id in range(50, 53):
        calls.put(START, a_call(call_id, rating=2.5))
    platform.clock.advance(HOUR)
    report = loaded(platform, home)
    assert (report.calls, report.rejected) == (5, 3)
    assert [problem for problem in report.problems if "3 of 8 calls could not be parsed" in problem]
    assert loaded_again(platform, home, calls, rejected_share=0.9) == []


def loaded_again(platform, home, calls: LivingCalls, **settings: Any) -> list[str]:
    platform.clock.advance(HOUR)
    calls.put(platform.clock.now() - seconds(100), a_call(99))
    return list(loaded(platform, home, overlap_seconds=7200, **settings).problems)


@pytest.mark.parametrize(
    ("rejected", "distinct", "share", "too_many"),
    [
        (0, 0, 0.01, False),
        (0, 100, 0.0, False),
        (1, 100, 0.0, True),  # a share of 0 tolerates none
        (2, 2, 0.01, False),  # one or two odd calls are no sign of anything
        (3, 3, 0.01, True),
        (3, 250, 0.01, True),
        (3, 300, 0.01, False),  # the share itself is tolerated
        (1_000, 100_000, 0.01, False),
        (1_001, 100_000, 0.01, True),
        (100, 100, 1.0, False),
    ],
)
def test_how_many_rejected_calls_are_too_many(rejected, distinct, share, too_many):
    said = too_many_rejected(rejected, distinct, share)
    assert (said is not None) == too_many
    if said:
        assert "rejected_share" in said
        assert "callmart rejected --retry" in said
