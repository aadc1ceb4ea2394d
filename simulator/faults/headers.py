"""Headers that are missing or wrong over a page that is right."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from random import Random

from starlette.responses import Response

from simulator.faults.bounds import Bounds
from simulator.platform.instants import http_date


def no_link(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """Nothing says whether another page follows."""
    del answer.headers["Link"]
    return answer


def no_total(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """Nothing says how many calls there are."""
    del answer.headers["Total"]
    return answer


def lying_total(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """A count of calls that is not theirs. `Link` goes by the right one."""
    if "Total" in answer.headers:
        total = int(answer.headers["Total"])
        lies = {0, total // 2, total + rng.randint(1, 200), total * 3 + 1} - {total}
        answer.headers["Total"] = str(rng.choice(sorted(lies)))
    return answer


def clock_skew(answer: Response, rng: Random, bounds: Bounds) -> Response:
    """A `Date` that is some seconds before or after the instant at which the answer stands."""
    seconds = rng.randint(1, bounds.skew_seconds) * rng.choice((-1, 1))
    date = parsedate_to_datetime(answer.headers["Date"]) + timedelta(seconds=seconds)
    answer.headers["Date"] = http_date(date)
    return answer
