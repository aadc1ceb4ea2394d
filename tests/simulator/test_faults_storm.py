"""A storm that cannot be repeated proves nothing, and one that never ends can only be given up on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.ccaip.client import Client
from pipelines.ccaip.tail import tail
from pipelines.ccaip.windows import Cursor, tail_windows
from pipelines.settings import Settings
from simulator.centre import Centre
from simulator.faults import ALL, BREAKING, DATA, SETTLING, TRANSPORT, Bounds, Fault, Storm
from simulator.platform import Clock, Credentials, Platform

START = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
NOON = START + timedelta(hours=14)
CALLS = "/manager/api/v1/calls"
QUICK = Bounds(retry_after_seconds=0, slow_seconds=0.001)
CONTENT_ONLY = DATA - {Fault.FUTURE, Fault.SILENT, Fault.VANISHING}
"""The faults of calls under which a reader of windows can know everything in the end."""


@pytest.fixture(scope="module")
def centre() -> Centre:
    return Centre.simulate(7, START, days=1, calls_per_day=300)


@contextmanager
def _platform(storm: Storm, centre: Centre, at: datetime) -> Iterator[Platform]:
    with Platform(
        storm.over(centre),
        clock=Clock.frozen(at),
        credentials=Credentials("acme", "token"),
        requests_per_second=0,
        faults=storm.transport(),
    ) as platform:
        yield platform


def _answers(storm: Storm, centre: Centre, count: int) -> list[Any]:
    """What a client sees that asks once after the other."""
    seen: list[Any] = []
    with (
        _platform(storm, centre, NOON) as platform,
        httpx.Client(base_url=platform.base_url, auth=("acme", "token")) as http,
    ):
        for number in range(count):
            asked = {"page": number % 4 + 1, "per": 20, "sort_column": "updated_at", "sort_direction": "ASC"}
            try:
                answer = http.get(CALLS, params=asked)
            except httpx.TransportError as error:
                seen.append(type(error))
            else:
                kept = {name: answer.headers.get(name) for name in ("date", "total", "retry-after")}
                seen.append((answer.status_code, kept, answer.content))
    return seen


def test_the_same_seed_makes_the_same_storm(centre: Centre) -> None:
    first, again = (Storm(3, bounds=QUICK, probability=0.5) for _ in range(2))
    assert first.plan == again.plan
    assert _answers(first, centre, 40) == _answers(again, centre, 40)
    assert first.struck == again.struck
    assert len(first.struck) > 8


def test_another_seed_makes_another_storm(centre: Centre) -> None:
    first, other = Storm(3), Storm(4)
    assert first.plan != other.plan
    assert first.over(centre).truth(NOON) != other.over(centre).truth(NOON)


def test_a_fault_that_is_switched_off_takes_no_other_with_it(centre: Centre) -> None:
    """Whoever narrows a failure down needs the rest of the storm as it was."""
    everything, without = Storm(3, faults=ALL), Storm(3, faults=ALL - {Fault.SLOW, Fault.FUTURE})
    assert [faults - {Fault.SLOW} for faults in everything.plan] == list(without.plan)
    late = Storm(3, faults={Fault.LATE})
    late_and_more = Storm(3, faults={Fault.LATE, Fault.OFFSETS})
    shown = {each.call_id: each for each in late.over(centre).versions(NOON)}
    assert shown == {each.call_id: each for each in late_and_more.over(centre).versions(NOON)}


def test_a_storm_strikes_as_often_as_it_is_told_and_breaks_no_more_than_three_in_a_row() -> None:
    plan = Storm(3, requests=20_000, probability=0.1).plan
    broken = [bool(faults & BREAKING) for faults in plan]
    assert 0.09 < sum(broken) / len(plan) < 0.11
    assert all(sum(fault in faults for faults in plan) > 100 for fault in TRANSPORT | {Fault.MOVING})
    hopeless = [bool(faults & BREAKING) for faults in Storm(3, requests=400, probability=1.0).plan]
    assert hopeless == [True, True, True, False] * 100
    assert max(len(faults & BREAKING) for faults in plan) == 1


def test_a_storm_ends_with_its_last_request_or_when_it_is_stopped(centre: Centre) -> None:
    told, stopped = (
        Storm(3, faults={Fault.SERVER_ERROR}, probability=1.0, requests=count) for count in (6, 99)
    )
    seen = [answer[0] for answer in _answers(told, centre, 9)]
    assert seen == [500, 500, 500, 200, 500, 500, 200, 200, 200]
    assert told.ended
    assert not stopped.ended
    stopped.stop()
    assert stopped.ended
    assert [answer[0] for answer in _answers(stopped, centre, 3)] == [200] * 3


@pytest.mark.parametrize("wrong", [{"probability": 1.1}, {"share": -0.1}])
def test_a_share_of_more_than_all_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Storm(3, **wrong)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_a_reader_of_windows_has_after_the_storm_is_the_truth(centre: Centre, seed: int) -> None:
    """Not the reader's test but the storm's: a storm nobody survives would prove nothing either."""
    storm = Storm(seed, faults=TRANSPORT | CONTENT_ONLY, bounds=QUICK, probability=0.2, requests=120)
    end = centre.last_change + SETTLING
    read: dict[int, Any] = {}
    cursor: Cursor | None = None
    with _platform(storm, centre, START) as platform:
        settings = Settings(
            warehouse=Path("unused.duckdb"),
            base_url=platform.base_url,
            username="acme",
            api_token="token",
            start_date=START,
            requests_per_second=100_000,
        )
        with Client(**settings.api, longest_pause_seconds=0.001) as client:
            for moment in (NOON, NOON + timedelta(minutes=3), NOON + timedelta(hours=5), end):
                platform.clock.set(moment)
                if moment == end:
                    storm.stop()
                for window in tail_windows(cursor, START, client.server_now(), 60, 1800):
                    for page in tail(client, window):
                        read |= {int(call.id or -1): json.loads(call.body) for call in page}
                    if window.why == "tail":
                        cursor = Cursor(window.until)
        assert len(storm.struck) >= 6
        assert read == storm.over(centre).truth(end)
