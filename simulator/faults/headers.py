"""Headers that are missing or wrong, with a correct page."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from random import Random

from starlette.responses import Response

from simulator.faults.bounds import Bounds
from simulator.platform.instants import http_date


def no_link(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """A response without `Link`."""
    del answer.headers["Link"]
    return answer


def no_total(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """A response without `Total`."""
    del answer.headers["Total"]
    return answer


def lying_total(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """A response with a wrong `Total`; its `Link` is correct."""
    if "Total" in answer.headers:
        total = int(answer.headers["Total"])
        lies = {0, total // 2, total + rng.randint(1, 200), total * 3 + 1} - {total}
        answer.headers["Total"] = str(rng.choice(sorted(lies)))
    return answer


def clock_skew(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """A response whose `Date` is some seconds too early or too late."""
    seconds = rng.randint(1, bounds.skew_seconds) * rng.choice((-1, 1))
    date = parsedate_to_datetime(answer.headers["Date"]) + timedelta(seconds=seconds)
    answer.headers["Date"] = http_date(date)
    return answer
