"""Errors instead of responses, with the `Date` of the original response."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import parsedate_to_datetime
from random import Random

from starlette.responses import Response

from simulator.faults.bounds import Bounds
from simulator.platform.instants import http_date

_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


def too_many(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """429 without `Retry-After`."""
    return _json(answer, 429, "too many requests")


def too_many_seconds(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """429 with seconds to wait."""
    return _json(answer, 429, "too many requests", {"Retry-After": str(_wait(rng, bounds))})


def too_many_date(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """429 with an HTTP date to wait for, relative to the response's `Date`."""
    now = parsedate_to_datetime(answer.headers["Date"])
    after = http_date(now + timedelta(seconds=_wait(rng, bounds)))
    return _json(answer, 429, "too many requests", {"Retry-After": after})


def server_error(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """500, as the application sends it."""
    return _json(answer, 500, "internal server error")


def bad_gateway(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """502, as a proxy sends it."""
    return _html(answer, 502, "502 Bad Gateway")


def unavailable(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """503, every second time with seconds to wait."""
    after = {"Retry-After": str(_wait(rng, bounds))} if rng.random() < 0.5 else {}
    return _json(answer, 503, "service unavailable", after)


def html(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """An error page with status 200."""
    return _html(answer, 200, "We are down for maintenance")


def _wait(rng: Random, bounds: Bounds) -> int:
    return rng.randint(0, bounds.retry_after_seconds)


def _json(answer: Response, status: int, problem: str, headers: dict[str, str] | None = None) -> Response:
    content = json.dumps({"error": problem})
    return Response(content, status, {**_date(answer), **(headers or {})}, "application/json")


def _html(answer: Response, status: int, title: str) -> Response:
    return Response(_PAGE.format(title), status, _date(answer), "text/html")


def _date(answer: Response) -> dict[str, str]:
    return {"Date": answer.headers["Date"]}
