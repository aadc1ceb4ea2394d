"""What an unkind API must not do to a load. Faults come from the local platform, over HTTP."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import certifi
import pytest
from starlette.responses import Response

from pipelines.ccaip.client import Client
from pipelines.ccaip.page import parse_instant, read_calls
from pipelines.errors import ApiError, ConfigurationError
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
    platform, client = stormy(home, {fault}, requests=2, retry_after_seconds=0)
    with client:
        assert [call.id for call in client.calls_since(START).calls] == ["1"]
        assert client.counts.retries == 2
    platform.__exit__(None, None, None)


class Refusing:
    """Answers the first requests with a status and a `Retry-After`."""

    def __init__(self, status: int, retry_after: str, times: int = 1) -> None:
        self._status, self._retry_after, self._left = status, retry_after, times

    def strike(self, answer: Response, clock: Clock) -> Response:
        if self._left == 0:
            return answer
        self._left -= 1
        headers = {"date": format_datetime(clock.now(), usegmt=True), "retry-after": self._retry_after}
        return Response(status_code=self._status, headers=headers)


@contextmanager
def refused(home, fault: Refusing, **limits: float) -> Iterator[Client]:
    calls = LivingCalls()
    calls.put(START, a_call(1))
    clock = Clock.frozen(START + seconds(60))
    platform = Platform(
        calls, clock=clock, credentials=Credentials(USER, TOKEN), requests_per_second=0, faults=fault
    )
    with platform:
        settings = replace(settings_for(platform, home), **limits)
        with Client(**settings.api, longest_pause_seconds=0.05) as client:
            yield client


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "waited"),
    [("1", 1.0), (format_datetime(START + seconds(61), usegmt=True), 1.0), ("soon", 0.0), ("-5", 0.0)],
)
def test_a_server_that_says_when_to_come_again_is_not_asked_before(home, status, retry_after, waited):
    with refused(home, Refusing(status, retry_after)) as client:
        started = time.monotonic()
        assert len(client.calls_since(START).calls) == 1
        assert waited <= time.monotonic() - started < waited + 0.9


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", ["1000000000", "9" * 18, "901", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_that_asks_to_wait_for_days_does_not_stop_the_load_for_days(home, status, retry_after):
    """Nor is it asked again before: the load ends, and says when to run it again."""
    with refused(home, Refusing(status, retry_after)) as client:
        started = time.monotonic()
        with pytest.raises(ApiError, match=f"answered {status} and asks not to be called before") as caught:
            client.calls_since(START)
        assert time.monotonic() - started < 5
        assert client.counts.requests == 1
    assert "Run this again after" in caught.value.mend


def test_how_long_a_load_waits_is_a_setting(home):
    with (
        refused(home, Refusing(429, "2"), longest_retry_after_seconds=1.0) as client,
        pytest.raises(ApiError, match=r"longest_retry_after_seconds is 1\)"),
    ):
        client.calls_since(START)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NO_PROXY", "localhost,fd00::/8"),
        ("no_proxy", "[::1]"),
        ("HTTP_PROXY", "ftp://user:s3cret@proxy:3128"),
        ("https_proxy", "http://user:s3cret@:80:90"),
        ("http_proxy", "http://[s3cret"),
        ("HTTP_PROXY", "http://"),
        ("ALL_PROXY", "see s3cret"),
        ("HTTPS_PROXY", "proxy:99999"),
        ("ALL_PROXY", "socks5://user:s3cret@proxy:1080"),
        ("SSL_CERT_FILE", "/nowhere/s3cret.pem"),
        ("SSL_CERT_FILE", __file__),
        ("SSL_CERT_DIR", "/nowhere/s3cret"),
        ("SSLKEYLOGFILE", "/nowhere/s3cret/keys"),
    ],
)
def test_a_variable_that_the_http_library_cannot_read_is_named(variable, value, monkeypatch):
    for other in ("SSL_CERT_FILE", "SSL_CERT_DIR", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(other, raising=False)
    if variable == "SSLKEYLOGFILE":
        monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    monkeypatch.setenv("HTTPS_PROXY" if "https" not in variable else "HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable) as caught:
        Client(base_url="http://127.0.0.1:9", username=USER, api_token=TOKEN)
    assert "s3cret" not in f"{caught.value}{caught.value.mend}"


@pytest.mark.parametrize(
    "address",
    ["https://acme:abc", "https://acme..com", "https://xn--.com", "https://" + "a" * 300, "https://\u2024"],
)
def test_an_address_that_is_none_is_a_wrong_setting(address):
    with pytest.raises(ConfigurationError, match="base_url"):
        Client(base_url=address, username=USER, api_token=TOKEN).calls_since(START)


@pytest.fixture
def untrusted(tmp_path) -> Iterator[str]:
    """The address of a server whose certificate nobody has signed."""
    if not (openssl := shutil.which("openssl")):
        pytest.skip("needs the command openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate]
    subprocess.run(
        [openssl, *made, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"https://localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_certificate_that_nobody_trusts_is_a_setting_and_not_tried_eight_times(untrusted):
    with Client(base_url=untrusted, username=USER, api_token=TOKEN) as client:
        with pytest.raises(ConfigurationError, match="self-signed certificate") as caught:
            client.calls_since(START)
        assert client.counts.requests == 1
    assert "SSL_CERT_FILE" in caught.value.mend


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


def test_an_address_where_nobody_answers_is_reported_at_once_and_at_the_end(home):
    """Retries take a minute, in which a wrong `base_url` would otherwise go unnoticed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    reports: list[str] = []
    client = Client(
        base_url=f"http://127.0.0.1:{port}", username=USER, api_token=TOKEN,
        longest_pause_seconds=0.01, on_unreachable=reports.append,
    )  # fmt: skip
    with (
        client,
        pytest.raises(ApiError, match=f"no connection to http://127.0.0.1:{port} after 8 tries") as caught,
    ):
        client.server_now()
    assert "base_url" in caught.value.mend
    (report,) = reports
    assert "trying again" in report
    assert "base_url" in report
