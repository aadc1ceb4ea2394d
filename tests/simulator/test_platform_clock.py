"""The client trusts the `Date` header: an answer older than its date would lose calls for good."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from simulator.calls import CallVersion
from simulator.platform import Clock, Credentials, Platform

START = datetime(2026, 3, 1, 8, 0, 0, tzinfo=UTC)
CALLS = "/manager/api/v1/calls"
BY_UPDATE = {"sort_column": "updated_at", "sort_direction": "ASC"}


class Growing:
    """Each second after `START` a call begins; a minute later it ends, and is rated. Counts what it is asked."""

    def __init__(self) -> None:
        self.versions_asked = 0
        self.bodies_asked = 0

    def _changed(self, call_id: int, now: datetime) -> datetime:
        begun = START + timedelta(seconds=call_id)
        ended = begun + timedelta(minutes=1)
        return ended if ended <= now else begun

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        self.versions_asked += 1
        seconds = int((now - START).total_seconds())
        return [CallVersion(call_id, self._changed(call_id, now)) for call_id in range(seconds + 1)]

    def body(self, call_id: int, now: datetime) -> dict[str, Any]:
        self.bodies_asked += 1
        changed = self._changed(call_id, now)
        ended = changed > START + timedelta(seconds=call_id)
        return {
            "id": call_id,
            "updated_at": changed.isoformat(),
            "rating": 5 if ended else None,
        }


@pytest.fixture
def source() -> Growing:
    return Growing()


@pytest.fixture
def platform(source: Growing) -> Iterator[Platform]:
    with Platform(
        source, clock=Clock.frozen(START), credentials=Credentials("acme", "token"), requests_per_second=0
    ) as running:
        yield running


@pytest.fixture
def client(platform: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=platform.base_url, auth=("acme", "token")) as http:
        yield http


def _ids(answer: httpx.Response) -> list[int]:
    return [call["id"] for call in answer.json()]


def test_the_date_header_is_the_platforms_clock(platform: Platform, client: httpx.Client) -> None:
    answers = [client.get(CALLS), client.get(CALLS, auth=("no", "body")), client.get("/nowhere")]
    assert [answer.headers.get_list("date") for answer in answers] == [["Sun, 01 Mar 2026 08:00:00 GMT"]] * 3
    platform.clock.advance(timedelta(days=1, seconds=1.9))
    assert client.get(CALLS).headers["date"] == "Mon, 02 Mar 2026 08:00:01 GMT"


def test_calls_come_into_being_and_change_as_the_clock_moves(
    platform: Platform, client: httpx.Client
) -> None:
    assert _ids(client.get(CALLS, params=BY_UPDATE)) == [0]
    platform.clock.advance(timedelta(seconds=2))
    assert _ids(client.get(CALLS, params=BY_UPDATE)) == [0, 1, 2]
    platform.clock.advance(timedelta(seconds=59))
    order = _ids(client.get(CALLS, params=BY_UPDATE))
    assert order == [*range(2, 60), 0, 60, 1, 61]  # 0 ended as 60 began, and 1 as 61 did
    platform.clock.set(START)
    assert _ids(client.get(CALLS, params=BY_UPDATE)) == [0]


def test_a_call_that_changed_is_filtered_by_what_it_has_become(
    platform: Platform, client: httpx.Client
) -> None:
    """A summary kept too long would go on answering for the call that was."""
    assert _ids(client.get(CALLS, params={"rating[from]": "5"})) == []
    platform.clock.advance(timedelta(minutes=1))
    assert _ids(client.get(CALLS, params={"rating[from]": "5"})) == [0]
    platform.clock.set(START)
    assert _ids(client.get(CALLS, params={"rating[from]": "5"})) == []


def test_a_standing_clock_sorts_once_and_renders_only_the_page(
    platform: Platform, client: httpx.Client, source: Growing
) -> None:
    platform.clock.advance(timedelta(hours=1))
    for page in range(1, 6):
        assert len(client.get(CALLS, params={**BY_UPDATE, "page": str(page), "per": "10"}).json()) == 10
    assert (source.versions_asked, source.bodies_asked) == (1, 50)


def test_a_running_clock_takes_the_state_once_a_second(platform: Platform, source: Growing) -> None:
    platform.clock.run(5)
    began = time.monotonic()
    with httpx.Client(base_url=platform.base_url, auth=("acme", "token")) as client:
        while time.monotonic() - began < 0.6:
            answer = client.get(CALLS, params=BY_UPDATE)
            date = parsedate_to_datetime(answer.headers["date"])
            newest = max(datetime.fromisoformat(call["updated_at"]) for call in answer.json())
            assert newest == date, "the answer is older, or newer, than its date"
    elapsed = time.monotonic() - began
    assert platform.stats.requests > source.versions_asked
    assert 2 <= source.versions_asked <= elapsed * 5 + 2


def test_another_process_reads_and_moves_the_clock(platform: Platform, client: httpx.Client) -> None:
    control = "/_control/clock"
    assert client.get(control).json() == {"now": "2026-03-01T08:00:00Z", "speed": 0.0}
    moved = client.post(control, json={"now": "2026-03-02T01:00:00-07:00", "advance_seconds": 90})
    assert (moved.status_code, moved.json()["now"]) == (200, "2026-03-02T08:01:30Z")
    assert platform.clock.now() == datetime(2026, 3, 2, 8, 1, 30, tzinfo=UTC)
    assert client.post(control, json={"advance_seconds": -30}).json()["now"] == "2026-03-02T08:01:00Z"
    assert client.post(control, json={"speed": 1000}).json()["speed"] == 1000
    time.sleep(0.01)
    assert platform.clock.now() > datetime(2026, 3, 2, 8, 1, 9, tzinfo=UTC)
    assert client.delete(control).status_code == 405


def test_a_move_that_cannot_be_followed_moves_nothing(platform: Platform, client: httpx.Client) -> None:
    for body, parameter in (
        (b"", "body"),
        (b"[]", "body"),
        (b'{"time": 1}', "time"),
        (b'{"advance_seconds": 1, "now": "soon"}', "now"),
        (b'{"advance_seconds": 1, "speed": -1}', "speed"),
        (b'{"now": "2027-01-01", "advance_seconds": "1"}', "advance_seconds"),
        (b'{"now": "2027-01-01", "advance_seconds": 1e300}', "advance_seconds"),
        (b'{"now": "9999-12-31", "advance_seconds": 1e6}', "advance_seconds"),
    ):
        answer = client.post("/_control/clock", content=body)
        assert (answer.status_code, answer.json().get("parameter")) == (422, parameter), body
        assert (platform.clock.now(), platform.clock.speed) == (START, 0), body


def test_a_clock_runs_on_from_where_it_was_moved_to() -> None:
    clock = Clock.running(START, speed=3600)
    time.sleep(0.01)
    assert START + timedelta(seconds=36) <= clock.now() < START + timedelta(hours=1)
    clock.set(START - timedelta(days=1))
    assert START - timedelta(days=1) <= clock.now() < START
    clock.run(0)
    stopped = clock.now()
    clock.advance(timedelta(days=1))
    assert clock.now() == stopped + timedelta(days=1)


@pytest.mark.parametrize("speed", [-1, float("nan"), float("inf")])
def test_a_clock_does_not_run_backwards(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        Clock.running(START, speed=speed)
