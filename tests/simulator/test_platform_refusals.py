"""A platform that answers 200 where the vendor refuses hides a client that cannot be refused."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from pipelines.errors import ConfigurationError
from simulator.platform import Clock, Credentials, Platform, Stats
from simulator.replay import ReplayFiles

AT = datetime(2026, 3, 1, tzinfo=UTC)
AUTH = ("acme", "tökën:with:colons")
CALLS = "/manager/api/v1/calls"
ORGANIZATION = "/manager/api/v1/settings/organization"


@contextmanager
def _platform(folder: Path, **options: float | bool) -> Iterator[tuple[Platform, httpx.Client]]:
    file = folder / "call.json"
    file.write_text('{"id": 0, "updated_at": "2026-02-01T00:00:00Z"}')
    with (
        Platform(
            ReplayFiles([file]),
            clock=Clock.frozen(AT),
            credentials=Credentials(*AUTH),
            **options,  # type: ignore[arg-type]
        ) as platform,
        httpx.Client(base_url=platform.base_url) as client,
    ):
        yield platform, client


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with _platform(tmp_path_factory.mktemp("call"), requests_per_second=0) as (_, http):
        yield http


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"acme:wrong").decode()},
        {"Authorization": "Bearer " + base64.b64encode(":".join(AUTH).encode()).decode()},
    ],
)
@pytest.mark.parametrize("path", [CALLS, ORGANIZATION, "/manager/api/v1/nowhere", "/_control/clock"])
def test_wrong_or_missing_credentials_are_401(
    client: httpx.Client, headers: dict[str, str], path: str
) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 401
    assert "credentials" in answer.json()["error"]
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert AUTH[1] not in answer.text


def test_right_credentials_are_known_at_the_organization(client: httpx.Client) -> None:
    answer = client.get(ORGANIZATION, auth=AUTH)
    assert (answer.status_code, answer.json()["subdomain"]) == (200, "acme")


@pytest.mark.parametrize(
    "path", ["/", "/manager/api/v1/agents", "/manager/api/v1/calls/1", "/apps/api/v1/calls"]
)
def test_an_unknown_path_is_404(client: httpx.Client, path: str) -> None:
    answer = client.get(path, auth=AUTH)
    assert answer.status_code == 404
    assert path in answer.json()["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", [CALLS, ORGANIZATION])
def test_the_api_is_only_for_reading(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path, auth=AUTH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    if method != "HEAD":
        assert method in answer.json()["error"]


def test_ids_beyond_one_buffer_are_read(client: httpx.Client) -> None:
    """A reconciliation asks for many calls at once: hundreds of `id[]` in one query string."""
    answer = client.get(CALLS, auth=AUTH, params=[("id[]", str(n)) for n in range(2000)])
    assert [call["id"] for call in answer.json()] == [0]


def test_asking_faster_than_the_limit_is_429_with_retry_after(tmp_path: Path) -> None:
    with _platform(tmp_path, requests_per_second=1) as (platform, client):
        answers = [client.get(CALLS, auth=AUTH) for _ in range(10)]
        refused = [answer for answer in answers if answer.status_code == 429]
        lasted = platform.stats.arrivals[-1] - platform.stats.arrivals[0]
        assert answers[0].status_code == 200
        assert 10 - len(refused) <= 1 + lasted
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert "error" in refused[0].json()
        assert platform.stats.requests == len(platform.stats.arrivals) == 10
        assert platform.stats.too_many == len(refused)
        assert platform.stats.statuses == {200: 10 - len(refused), 429: len(refused)}
        time.sleep(1)
        assert client.get(CALLS, auth=AUTH).status_code == 200


def test_retry_after_can_be_withheld(tmp_path: Path) -> None:
    with _platform(tmp_path, requests_per_second=0.1, retry_after=False) as (_, client):
        assert client.get(CALLS, auth=AUTH).status_code == 200
        answer = client.get(CALLS, auth=AUTH)
        assert answer.status_code == 429
        assert "retry-after" not in answer.headers


def test_the_limit_is_shared_by_all_clients_and_holds_over_time(tmp_path: Path) -> None:
    """Four greedy clients together get one limit: a second's worth at once, then the rate."""
    with _platform(tmp_path, requests_per_second=20) as (platform, _):
        started = time.monotonic()

        def greedy() -> None:
            with httpx.Client(base_url=platform.base_url, auth=AUTH) as client:
                while time.monotonic() - started < 1:
                    client.get(CALLS)
                    time.sleep(0.005)

        threads = [threading.Thread(target=greedy) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lasted = platform.stats.arrivals[-1] - platform.stats.arrivals[0]
        passed = platform.stats.statuses[200]
        assert platform.stats.too_many > 20
        assert 0.8 * (20 + 20 * lasted) <= passed <= 20 + 20 * lasted + 1


def test_an_even_client_at_the_limit_is_never_refused(tmp_path: Path) -> None:
    with _platform(tmp_path, requests_per_second=50) as (_, client):
        first = time.monotonic()
        for number in range(60):
            time.sleep(max(0.0, first + number / 50 - time.monotonic()))
            assert client.get(CALLS, auth=AUTH).status_code == 200


def test_the_busiest_second_is_any_second_and_not_one_of_the_clock() -> None:
    stats = Stats()
    for at in (0.0, 0.75, 1.0, 1.25, 1.5, 1.75, 3.0):
        stats.arrived(at)
    assert stats.busiest() == 4  # from 0.75 to before 1.75; the clock's second from 0 has 2
    assert stats.busiest(seconds=0.5) == 2
    assert Stats().busiest() == 0


def test_the_control_endpoint_is_outside_limit_and_counts(tmp_path: Path) -> None:
    with _platform(tmp_path, requests_per_second=1) as (platform, client):
        assert [client.get("/_control/clock", auth=AUTH).status_code for _ in range(5)] == [200] * 5
        assert platform.stats.requests == 0


def test_a_taken_port_is_said_so(tmp_path: Path) -> None:
    with _platform(tmp_path) as (platform, _):
        port = int(platform.base_url.rpartition(":")[2])
        other = Platform(
            ReplayFiles([tmp_path / "call.json"]),
            clock=Clock.frozen(AT),
            credentials=Credentials("a", "b"),
            port=port,
        )
        with pytest.raises(ConfigurationError, match=f":{port}: "), other:
            pass


def test_the_platform_stops_at_once_though_a_client_stays_connected(tmp_path: Path) -> None:
    with _platform(tmp_path) as (platform, client):
        assert client.get(CALLS, auth=AUTH).status_code == 200
        started = time.monotonic()
        platform.__exit__()
        assert time.monotonic() - started < 1
        with pytest.raises(httpx.TransportError):
            client.get(CALLS, auth=AUTH)


def test_the_token_is_not_shown() -> None:
    assert AUTH[1] not in repr(Credentials(*AUTH))
