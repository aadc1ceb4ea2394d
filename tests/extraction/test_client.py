"""What an unkind API must not do to a load. Faults come from the local platform, over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines.ccaip.client import Client
from pipelines.ccaip.page import parse_instant, read_calls
from pipelines.errors import ApiError
from simulator.faults import BREAKING, Bounds, Fault, Storm
from simulator.platform import Clock, Credentials, Platform
from tests.extraction.conftest import TOKEN, USER, settings_for
from tests.extraction.living import START, LivingCalls, a_call, seconds


def stormy(home, faults: set[Fault], *, requests: int, **bounds: float) -> tuple[Platform, Client]:
    """A platform on which every one of the first `requests` answers is broken, and a client in a hurry."""
    calls = LivingCalls()
    calls.put(START, a_call(1))
    storm = Storm(7, faults=frozenset(faults), requests=requests, probability=1.0, bounds=Bounds(**bounds))
    platform = Platform(
        calls,
        clock=Clock.frozen(START + seconds(60)),
        credentials=Credentials(USER, TOKEN),
        requests_per_second=0,
        faults=storm.transport(),
    )
    platform.__enter__()
    return platform, Client(**settings_for(platform, home).api, longest_pause_seconds=0.05)


@pytest.mark.parametrize("fault", sorted(BREAKING))
def test_an_answer_worth_another_try_is_asked_for_again(home, fault):
    platform, client = stormy(home, {fault}, requests=2, retry_after_seconds=1)
    with client:
        assert [call.id for call in client.calls_since(START).calls] == ["1"]
        assert client.counts.retries == 2
    platform.__exit__(None, None, None)


def test_a_server_that_asks_to_wait_for_days_does_not_stop_the_load_for_days(home):
    platform, client = stormy(home, {Fault.TOO_MANY_SECONDS}, requests=1, retry_after_seconds=10**9)
    with client:
        started = datetime.now(UTC)
        client.calls_since(START)
        assert (datetime.now(UTC) - started).total_seconds() < 5
        assert client.counts.throttled == 1
    platform.__exit__(None, None, None)


def test_the_rate_stays_within_the_limit_and_meets_no_429(home, serve):
    calls = LivingCalls()
    platform = Platform(
        calls, clock=Clock.frozen(START), credentials=Credentials(USER, TOKEN), requests_per_second=10
    )
    with platform, Client(**replace(settings_for(platform, home), requests_per_second=10).api) as client:
        for _ in range(25):
            client.calls_since(START)
        assert client.counts.throttled == 0
        assert platform.stats.busiest() <= 10


def test_an_error_names_no_secret(home, serve):
    secret = "wrong-token"
    settings = replace(settings_for(serve(LivingCalls()), home), api_token=secret)
    with Client(**settings.api) as client, pytest.raises(ApiError) as caught:
        client.calls_since(START)
    assert secret not in f"{caught.value}{caught.value.mend}{settings!r}"


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "soon", "", None, 5]
)
def test_an_instant_off_the_calendar_is_unreadable_and_no_crash(text):
    assert parse_instant(text) is None


def test_an_instant_without_an_offset_is_utc():
    assert parse_instant("2026-03-02T08:00:00") == datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize("call_id", ["x", "1" * 5_000, True, 2.5, None, {"a": 1}, "²", 2**64])
def test_an_unreadable_id_does_not_take_the_page_with_it(call_id):
    body = json.dumps([{"id": call_id}, {"id": "007"}]).encode()
    assert [call.id for call in read_calls(body)] == [None, "7"]
