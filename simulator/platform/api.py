"""The API: an HTTP request → a response, as an ASGI application.

    request → counted → credentials (401) → rate limit (429) → path (404) → method (405)
            → parameters (422) → index → page → JSON

All of it runs without interruption on the server's single event-loop thread, so that a response is of one instant, and
index, limit and source need no locks. Every response passes through `__call__` before it is sent: there `Faults` may
delay, cut or replace it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from simulator.calls import CallSource
from simulator.platform.clock import Clock
from simulator.platform.control import control_clock
from simulator.platform.credentials import Credentials
from simulator.platform.filters import ParameterError
from simulator.platform.index import Indexes
from simulator.platform.instants import http_date
from simulator.platform.limits import RateLimit
from simulator.platform.paging import page_headers, page_of
from simulator.platform.query import parse_query
from simulator.platform.stats import Stats

API_PREFIX = "/manager/api/v1"
"""Credentials, rate limit and `Stats` apply below this path."""

CONTROL_CLOCK = "/_control/clock"
"""The path at which another process reads and moves the clock: not part of the vendor's API, and without rate limit."""


class Refusal(Exception):
    """A response other than 200: status, message and additional headers."""

    def __init__(self, status: int, problem: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem)
        self.status = status
        self.content = {"error": problem}
        self.headers = headers or {}


class Faults(Protocol):
    """Faults of a response between the API and its client (`simulator.faults`)."""

    def strike(self, answer: Response, clock: Clock) -> Response:
        """The response to send instead of `answer`, which has status 200. May move the clock afterwards."""


class Api:
    """The ASGI application. `retry_after` decides whether a 429 has `Retry-After`."""

    def __init__(
        self,
        source: CallSource,
        clock: Clock,
        credentials: Credentials,
        limit: RateLimit,
        stats: Stats,
        *,
        retry_after: bool,
        faults: Faults | None,
        latency_seconds: float = 0.0,
    ) -> None:
        self._source = source
        self._indexes = Indexes(source)
        self._clock = clock
        self._credentials = credentials
        self._limit = limit
        self._stats = stats
        self._retry_after = retry_after
        self._faults = faults
        self._latency = latency_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if scope["path"].startswith(API_PREFIX + "/"):
            arrived_at = time.monotonic()
            self._stats.arrived(arrived_at)
            if self._latency:
                await asyncio.sleep(self._latency)
            response = self._respond(lambda: self._api(request, arrived_at))
            if self._faults is not None and response.status_code == 200:
                response = self._faults.strike(response, self._clock)
            self._stats.answered(response.status_code)
        else:
            body = await request.body()
            response = self._respond(lambda: self._beside_the_api(request, body))
        await response(scope, receive, send)

    def _respond(self, answer: Callable[[], Response]) -> Response:
        """The result of `answer`, or its refusal as JSON."""
        try:
            return answer()
        except Refusal as refusal:
            return _json(self._clock.reading(), refusal.content, refusal.headers, refusal.status)
        except ParameterError as wrong:
            content = {"error": str(wrong), "parameter": wrong.parameter}
            return _json(self._clock.reading(), content, status=422)

    def _beside_the_api(self, request: Request, body: bytes) -> Response:
        if request.scope["path"] != CONTROL_CLOCK:
            raise _nothing_here(request)
        self._check_credentials(request)
        _check_method(request, "GET", "POST")
        shown = control_clock(self._clock, body if request.method == "POST" else None)
        return _json(self._clock.reading(), shown)

    def _api(self, request: Request, arrived_at: float) -> Response:
        self._check_credentials(request)
        self._check_limit(arrived_at)
        path = request.scope["path"].removeprefix(API_PREFIX)
        if path not in ("/calls", "/settings/organization"):
            raise _nothing_here(request)
        _check_method(request, "GET")
        now = self._clock.reading()
        if path == "/settings/organization":
            return _json(now, {"name": "callmart simulator", "subdomain": self._credentials.user})
        return self._calls(request, now)

    def _calls(self, request: Request, now: datetime) -> Response:
        query = parse_query(request.url.query)
        selected = self._indexes.at(now).select(query)
        bodies = [self._source.body(call_id, now) for call_id in page_of(selected, query.page, query.per)]
        url = str(request.url.replace(query=""))
        headers = page_headers(url, request.url.query, len(selected), query.page, query.per)
        return _json(now, bodies, headers)

    def _check_credentials(self, request: Request) -> None:
        if not self._credentials.accepts(request.headers.get("authorization")):
            raise Refusal(
                401,
                "wrong or missing credentials: HTTP Basic with user and API token",
                {"WWW-Authenticate": 'Basic realm="manager API"'},
            )

    def _check_limit(self, arrived_at: float) -> None:
        wait_seconds = self._limit.take(arrived_at)
        if wait_seconds > 0:
            after = {"Retry-After": str(math.ceil(wait_seconds))} if self._retry_after else {}
            raise Refusal(429, "too many requests", after)


def _check_method(request: Request, *allowed: str) -> None:
    if request.method not in allowed:
        allow = ", ".join(allowed)
        raise Refusal(405, f"{request.method} is not allowed here, only {allow}", {"Allow": allow})


def _nothing_here(request: Request) -> Refusal:
    return Refusal(404, f"there is nothing at {request.scope['path']}")


def _json(now: datetime, content: Any, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    return Response(
        orjson.dumps(content),
        status_code=status,
        headers={"Date": http_date(now), **(headers or {})},
        media_type="application/json",
    )
