"""What would be lost, read twice or requested in vain when a stretch is read by several threads at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.ccaip import reader
from pipelines.ccaip.client import Client
from pipelines.ccaip.package import Package
from pipelines.ccaip.privacy.policy import KEEP_ALL, PrivacyFilter
from pipelines.ccaip.reader import Reader
from pipelines.ccaip.windows import Window, tail_windows
from simulator.platform import Platform
from tests.extraction.living import START, LivingCalls, a_call, seconds
from tests.shared import examples
from tests.tenant import TOKEN, USER, tenant

FULL_PAGES = 1.04
"""Requests per 100 calls that a long load may take."""

AROUND_A_LOAD = 8
"""Requests that do not grow with a load: the clock, the future, the first and last pages of parts."""


@contextmanager
def served(calls: LivingCalls, **client: float) -> Iterator[tuple[Platform, Client]]:
    """The calls, long settled, and a client that is in as much of a hurry as it can be."""
    end = max(versions[-1][0] for versions in calls.history.values())
    with tenant(calls, end + timedelta(hours=1)) as platform:
        pace = {"requests_per_second": 100_000} | client
        with Client(base_url=platform.base_url, username=USER, api_token=TOKEN, **pace) as client:
            yield platform, client


def read(client: Client, windows: list[Window], **sizes: int) -> list[Package]:
    with Reader(client, windows, privacy=PrivacyFilter(KEEP_ALL), **sizes) as reading:
        return list(reading.packages())


def versions_of(packages: list[Package]) -> dict[int, object]:
    together: dict[int, object] = {}
    for package in packages:
        together |= package.versions()
    return together


bursts = st.lists(
    st.tuples(st.integers(0, 5_000), st.integers(1, 60), st.integers(0, 40)), min_size=1, max_size=12
)  # (second at which it begins, calls, seconds it lasts): quiet hours, rushes, crowded seconds


@settings(
    max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(bursts=bursts, per_page=st.integers(2, 20), per_window=st.integers(5, 120), edges=st.data())
def test_many_threads_bring_the_calls_that_one_brings(monkeypatch, bursts, per_page, per_window, edges):
    calls, call_id = LivingCalls(), 0
    for begins, count, lasts in bursts:
        for number in range(count):
            call_id += 1
            calls.put(START + seconds(begins + number * lasts // count), a_call(call_id))
    ends = edges.draw(st.integers(1, 5_100))
    with served(calls, per_page=per_page) as (platform, client):
        now = platform.clock.now()
        windows = [
            Window(START, START + seconds(ends), why="backfill"),
            *tail_windows(None, START + seconds(ends), now, 60, 60),
        ]
        with monkeypatch.context() as alone:
            alone.setattr(reader, "_THREADS", 1)
            one = versions_of(read(client, windows))
        monkeypatch.setattr(reader, "CALLS_PER_WINDOW", per_window)
        packages = read(client, windows, calls_per_package=2 * per_window)
        assert versions_of(packages) == one
        assert len(one) == call_id
    reads = [each for package in packages for each in package.reads]
    pieces = [each.window for each in reads if each.window.why != "future"]
    assert pieces[0].since == START
    assert all(earlier.until == later.since for earlier, later in pairwise(pieces))
    assert {each.cut_from for each in pieces} <= {None, *(window.window_id for window in windows)}
    assert not any(each.is_short for each in reads)
    for each in reads:
        if each.window.why != "future":
            assert each.counted_after == len(each.keys)


@pytest.fixture(scope="module")
def days() -> LivingCalls:
    """20,000 calls in five days, none at night."""
    calls = LivingCalls()
    for number in range(20_000):
        day, place = divmod(number, 4_000)
        calls.put(START + timedelta(days=day) + seconds(9 * place), a_call(number + 1))
    return calls


def test_a_first_load_takes_hardly_more_requests_than_full_pages(days):
    with served(days) as (platform, client):
        windows = tail_windows(None, START - timedelta(days=30), client.server_now(), 60, 1_800)
        packages = read(client, windows)
        assert sum(package.calls for package in packages) == 20_000
        assert platform.stats.requests <= FULL_PAGES * 200 + AROUND_A_LOAD


def test_no_more_is_read_than_a_slow_warehouse_can_take(days):
    brought: list[int] = []
    with (
        served(days) as (_, client),
        Reader(
            client,
            [Window(START, START + timedelta(days=5))],
            privacy=PrivacyFilter(KEEP_ALL),
            calls_per_package=1_000,
            on_page=brought.append,
        ) as reading,
    ):
        packages = reading.packages()
        held = [next(packages)]
        before = -1
        while before < sum(brought):  # until the threads wait
            before = sum(brought)
            time.sleep(0.5)
        assert before < 8_000
        assert len(versions_of([*held, *packages])) == 20_000
