"""What each fault of an answer does to whoever reads it, and that asking again gets through."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.ccaip.client import Client
from pipelines.settings import Settings
from simulator.calls import CallVersion
from simulator.faults import BREAKING, TRANSPORT, Bounds, Fault, Storm
from simulator.platform import Clock, Credentials, Platform

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CALLS = "/manager/api/v1/calls"
BY_UPDATE = {"sort_column": "updated_at", "sort_direction": "ASC"}
COUNT = 250
BROKEN_IN_A_ROW = 3


class Standing:
    """Calls that never change, a second apart."""

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        return [CallVersion(number, NOW - timedelta(seconds=1000 - number)) for number in range(COUNT)]

    def body(self, call_id: int, now: datetime) -> dict[str, Any]:
        changed = NOW - timedelta(seconds=1000 - call_id)
        return {"id": call_id, "updated_at": changed.isoformat(), "status": "finished"}


@contextmanager
def _platform(storm: Storm, **options: Any) -> Iterator[Platform]:
    with Platform(
        Standing(),
        clock=Clock.frozen(NOW),
        credentials=Credentials("acme", "token"),
        **{"requests_per_second": 0, "faults": storm.transport(), **options},
    ) as platform:
        yield platform


@contextmanager
def _struck_by(fault: Fault, **options: Any) -> Iterator[httpx.Client]:
    """A connection to a platform of which each answer is struck (of four answers three, by what breaks them)."""
    with (
        _platform(Storm(7, faults={fault}, probability=1.0, **options)) as platform,
        httpx.Client(base_url=platform.base_url, auth=("acme", "token")) as http,
    ):
        yield http


def _client(platform: Platform) -> Client:
    settings = Settings(
        warehouse=Path("unused.duckdb"),
        base_url=platform.base_url,
        username="acme",
        api_token="token",
        start_date=NOW,
        requests_per_second=100_000,
    )
    return Client(**settings.api, longest_pause_seconds=0.01)


def test_a_429_without_retry_after_leaves_the_reader_to_guess() -> None:
    with _struck_by(Fault.TOO_MANY) as http:
        answers = [http.get(CALLS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 429, 200]
    assert not any("retry-after" in answer.headers for answer in answers)


def test_a_429_says_in_seconds_when_to_come_again() -> None:
    with _struck_by(Fault.TOO_MANY_SECONDS, bounds=Bounds(retry_after_seconds=30)) as http:
        answers = [http.get(CALLS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429] * 3
    waits = [int(answer.headers["retry-after"]) for answer in answers]
    assert all(0 <= wait <= 30 for wait in waits)
    assert len(set(waits)) > 1


def test_a_429_says_by_its_own_date_when_to_come_again() -> None:
    with _struck_by(Fault.TOO_MANY_DATE, bounds=Bounds(retry_after_seconds=30)) as http:
        answers = [http.get(CALLS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429] * 3
    for answer in answers:
        date, after = (parsedate_to_datetime(answer.headers[name]) for name in ("date", "retry-after"))
        assert date == NOW
        assert timedelta() <= after - date <= timedelta(seconds=30)


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        (Fault.SERVER_ERROR, 500, "application/json"),
        (Fault.BAD_GATEWAY, 502, "text/html"),
        (Fault.UNAVAILABLE, 503, "application/json"),
    ],
)
def test_a_server_fails_and_its_answer_is_no_page(fault: Fault, status: int, kind: str) -> None:
    with _struck_by(fault) as http:
        answers = [http.get(CALLS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [status] * 3 + [200]
    assert answers[0].headers["content-type"].startswith(kind)
    assert "link" not in answers[0].headers


def test_a_connection_is_reset_before_the_answer_and_in_its_middle() -> None:
    seen: list[str] = []
    with _struck_by(Fault.RESET) as http:
        for _ in range(16):
            try:
                with http.stream("GET", CALLS) as answer:
                    seen.append("headers")
                    answer.read()
                    seen[-1] = "whole"
            except httpx.ReadError:
                seen[-1:] = ["middle"] if seen and seen[-1] == "headers" else [*seen[-1:], "nothing"]
    assert [kind == "whole" for kind in seen] == [False, False, False, True] * 4
    assert {"middle", "nothing"} <= set(seen)


def test_a_body_ends_before_its_length() -> None:
    with _struck_by(Fault.CUT_BODY) as http:
        for _ in range(BROKEN_IN_A_ROW):
            with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
                http.get(CALLS)
        assert len(http.get(CALLS).json()) == 100


def test_a_page_breaks_off_in_an_answer_that_is_whole_by_its_length() -> None:
    with _struck_by(Fault.CUT_JSON) as http:
        for _ in range(BROKEN_IN_A_ROW):
            answer = http.get(CALLS)
            assert (answer.status_code, answer.headers["total"]) == (200, str(COUNT))
            assert int(answer.headers["content-length"]) == len(answer.content)
            with pytest.raises(json.JSONDecodeError):
                answer.json()
        assert len(http.get(CALLS).json()) == 100


def test_an_error_page_claims_to_be_fine() -> None:
    with _struck_by(Fault.HTML) as http:
        answer = http.get(CALLS)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_a_slow_answer_keeps_the_reader_waiting_and_is_whole() -> None:
    with _struck_by(Fault.SLOW, bounds=Bounds(slow_seconds=0.1)) as http:
        answers = [http.get(CALLS) for _ in range(5)]
    assert all(len(answer.json()) == 100 for answer in answers)
    assert all(0.01 <= answer.elapsed.total_seconds() < 1 for answer in answers)
    assert max(answer.elapsed for answer in answers) > timedelta(seconds=0.05)


def test_without_link_a_full_page_seems_to_be_the_last() -> None:
    with _struck_by(Fault.NO_LINK) as http:
        answer = http.get(CALLS)
    assert "link" not in answer.headers
    assert (answer.headers["total"], len(answer.json())) == (str(COUNT), 100)


def test_without_total_nobody_knows_how_much_there_is() -> None:
    with _struck_by(Fault.NO_TOTAL) as http:
        answer = http.get(CALLS)
    assert "total" not in answer.headers
    assert "next" in answer.links


def test_a_total_lies_for_a_while_and_then_tells_the_truth() -> None:
    with _struck_by(Fault.LYING_TOTAL, requests=20) as http:
        totals = [int(http.get(CALLS).headers["total"]) for _ in range(22)]
    assert COUNT not in totals[:20]
    assert totals[20:] == [COUNT] * 2
    assert min(totals) < COUNT < max(totals)


def test_the_date_is_off_either_way_and_never_by_more_than_its_bound() -> None:
    with _struck_by(Fault.CLOCK_SKEW, bounds=Bounds(skew_seconds=5)) as http:
        dates = [parsedate_to_datetime(http.get(CALLS).headers["date"]) for _ in range(20)]
    off = [(date - NOW).total_seconds() for date in dates]
    assert all(1 <= abs(seconds) <= 5 for seconds in off)
    assert min(off) < 0 < max(off)


def test_whoever_asks_again_gets_through() -> None:
    storm = Storm(11, faults=BREAKING, probability=1.0, bounds=Bounds(retry_after_seconds=0))
    with _platform(storm) as platform, _client(platform) as client:
        pages = [client.calls_since(NOW - timedelta(days=1), page=number) for number in (1, 2, 3) * 10]
        retries = client.counts.retries
    assert [int(call.id or -1) for page in pages for call in page.calls] == list(range(COUNT)) * 10
    assert retries == storm.struck.total() == 30 * BROKEN_IN_A_ROW
    assert storm.struck.keys() == BREAKING


def test_a_storm_of_everything_at_once_is_survived() -> None:
    storm = Storm(
        5,
        faults=TRANSPORT,
        probability=0.5,
        requests=60,
        bounds=Bounds(retry_after_seconds=0, slow_seconds=0.01),
    )
    read: list[int] = []
    with _platform(storm) as platform, _client(platform) as client:
        while not storm.ended:
            page = client.calls_since(NOW - timedelta(days=1), page=2)
            read.append(len(page.calls))
        page = client.calls_since(NOW - timedelta(days=1), page=2)
    assert set(read) == {100}
    assert (page.total, page.has_next, page.server_time) == (COUNT, True, NOW)
    assert len(storm.struck) > 10


def test_what_the_platform_refuses_itself_is_not_struck_and_not_counted() -> None:
    """Otherwise a wrong token would look like a storm, and the rate limit would shift the plan."""
    storm = Storm(7, faults={Fault.RESET}, probability=1.0)
    with (
        _platform(storm, requests_per_second=2) as platform,
        httpx.Client(base_url=platform.base_url) as http,
    ):
        assert [http.get(CALLS, auth=("acme", "wrong")).status_code for _ in range(3)] == [401] * 3
        assert http.get(CALLS, auth=("acme", "token"), params={"statsu": "x"}).status_code == 422
        with pytest.raises(httpx.ReadError):
            http.get(CALLS, auth=("acme", "token"))
        assert http.get(CALLS, auth=("acme", "token")).status_code == 429
        assert http.get("/_control/clock", auth=("acme", "token")).status_code == 200
        assert storm.struck == {Fault.RESET: 1}
        assert platform.stats.statuses[0] == 1


def test_a_struck_answer_leaves_no_complaint_in_the_servers_log(caplog: pytest.LogCaptureFixture) -> None:
    storm = Storm(3, faults={Fault.RESET, Fault.CUT_BODY}, probability=1.0, requests=12)
    with _platform(storm) as platform, _client(platform) as client:
        for _ in range(4):
            client.calls_since(NOW - timedelta(days=1))
    assert storm.struck[Fault.RESET] > 0 < storm.struck[Fault.CUT_BODY]
    assert caplog.records == []
