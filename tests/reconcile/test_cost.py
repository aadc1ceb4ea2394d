"""A comparison that costs too much is not run: what it asks of the API, in requests."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.extraction.living import START, seconds
from tests.reconcile.conftest import HOUR, LOADED_AT, Centre, a_queued_call
from tests.shared import made_once

DAYS = 4
COMPARED = 2
CALLS_A_DAY = 800  # from 700 on, halving costs less than reading


@pytest.fixture
def long_centre(centre: Centre) -> Centre:
    """The centre, and before its three days four busier ones, loaded too."""
    for number in range(DAYS * CALLS_A_DAY):
        at = START - timedelta(days=DAYS) + seconds(number * 86_400 // CALLS_A_DAY)
        centre.calls.put(at + seconds(600), a_queued_call(1_000 + number, at=at))
    centre.platform.clock.set(LOADED_AT + seconds(600))
    warehouse = centre.home.warehouse

    def load(folder: Path) -> None:
        centre.backfill(START - timedelta(days=DAYS), START + HOUR)
        shutil.copy(warehouse, folder)

    shutil.copy(made_once("long centre", load) / warehouse.name, warehouse)
    return centre


def test_contents_cost_a_request_per_hundred_calls_and_two_a_day(long_centre):
    day = START.replace(hour=0) - timedelta(days=DAYS - 1)
    before = long_centre.platform.stats.requests
    report = long_centre.reconcile(day, day + timedelta(days=COMPARED))
    assert report.problems == ()
    assert report.requests == long_centre.platform.stats.requests - before
    assert report.requests == sum(each.requests for each in report.days)
    calls = COMPARED * CALLS_A_DAY
    assert calls / 100 + 2 * COMPARED <= report.requests <= calls / 100 + 4 * COMPARED
    assert abs(report.estimated_requests - report.requests) <= 10


def test_one_difference_in_many_days_is_pinned_down_with_few_requests_by_counting(long_centre):
    gone = 1_000 + CALLS_A_DAY + 521  # in the second half of its day, and the first half of that
    long_centre.by_hand(f"delete from ccaip.calls where id = {gone}")
    report = long_centre.reconcile(START - timedelta(days=DAYS), contents=False)
    assert report.missing == (gone,)
    counts = len(report.days)
    assert counts == 2 * (DAYS + 3)
    assert report.requests <= counts + 10
    assert abs(report.estimated_requests - report.requests) <= 20


def test_an_empty_year_before_the_first_call_is_counted_as_stretches_and_not_day_by_day(centre):
    recent = START.replace(hour=0)
    few = centre.reconcile(recent)
    many = centre.reconcile(recent - timedelta(days=365))
    assert len(many.days) > 2 * 365
    assert many.problems == ()
    assert many.requests == sum(each.requests for each in many.days)
    assert many.requests <= few.requests + 40
    assert abs(many.estimated_requests - many.requests) <= 10


def test_a_call_in_an_empty_year_is_found_by_few_counts(centre):
    at = START - timedelta(days=100)
    centre.calls.put(at, a_queued_call(9_001, at=at))
    report = centre.reconcile(START - timedelta(days=200), contents=False)
    assert report.missing == (9_001,)
    assert report.requests <= 60
