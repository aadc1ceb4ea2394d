"""Apply faults to responses: the part of a storm for `Platform(faults=…)`.

    response, clock → next number of the plan → quiet faults → calls move → breaking fault → response

Only responses with status 200 are affected and numbered. What the platform itself refuses (credentials, rate limit,
parameters) does not change the plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random

import orjson
from starlette.responses import Response

from simulator.faults.bounds import Bounds
from simulator.faults.chance import Chance
from simulator.faults.delivery import cut_body, cut_json, reset, slow
from simulator.faults.fault import Fault
from simulator.faults.headers import clock_skew, lying_total, no_link, no_total
from simulator.faults.moving import Touches
from simulator.faults.plan import Plan
from simulator.faults.refusals import (
    bad_gateway,
    html,
    server_error,
    too_many,
    too_many_date,
    too_many_seconds,
    unavailable,
)
from simulator.platform.clock import Clock

_MOST_TOUCHED = 4
_MOST_SECONDS_ON = 3

_STRIKES: dict[Fault, Callable[[Response, Random, Bounds], Response]] = {
    # Headers first: a breaking fault keeps the response's `Date`.
    Fault.NO_LINK: no_link,
    Fault.NO_TOTAL: no_total,
    Fault.LYING_TOTAL: lying_total,
    Fault.CLOCK_SKEW: clock_skew,
    Fault.TOO_MANY: too_many,
    Fault.TOO_MANY_SECONDS: too_many_seconds,
    Fault.TOO_MANY_DATE: too_many_date,
    Fault.SERVER_ERROR: server_error,
    Fault.BAD_GATEWAY: bad_gateway,
    Fault.UNAVAILABLE: unavailable,
    Fault.RESET: reset,
    Fault.CUT_BODY: cut_body,
    Fault.CUT_JSON: cut_json,
    Fault.HTML: html,
    Fault.SLOW: slow,
}


class TransportFaults:
    """Follows a plan, response by response. Used by the server's single thread only."""

    def __init__(self, seed: int, plan: Plan, bounds: Bounds, touches: Touches) -> None:
        self._chance = Chance(seed, "strike")
        self._plan = plan
        self._bounds = bounds
        self._touches = touches
        self._stopped = False
        self.requests = 0
        self.struck: Counter[Fault] = Counter()
        """The number of responses affected by each fault."""

    @property
    def ended(self) -> bool:
        """Whether no more responses will be affected."""
        return self._stopped or self.requests >= len(self._plan)

    def stop(self) -> None:
        """Affect no more responses."""
        self._stopped = True

    def strike(self, answer: Response, clock: Clock) -> Response:
        """The response after its faults. `clock` is advanced if calls are to move."""
        if self.ended:
            return answer
        number, faults = self.requests, self._plan[self.requests]
        self.requests += 1
        self.struck.update(faults)
        if Fault.MOVING in faults:
            self._move(bytes(answer.body), clock, self._chance.random(number, Fault.MOVING))
        for fault, strike in _STRIKES.items():
            if fault in faults:
                answer = strike(answer, self._chance.random(number, fault), self._bounds)
        return answer

    def _move(self, page: bytes, clock: Clock, rng: Random) -> None:
        """Update some of the page's calls one second from now, and advance the clock to it."""
        calls = orjson.loads(page)
        given = [str(call.get("id")) for call in calls] if isinstance(calls, list) else []
        ids = [int(call_id) for call_id in given if call_id.isdecimal()]
        at = clock.now().replace(microsecond=0) + timedelta(seconds=1)
        for call_id in rng.sample(ids, min(len(ids), rng.randint(1, _MOST_TOUCHED))):
            self._touches.touch(call_id, at)
        clock.advance(timedelta(seconds=rng.randint(1, _MOST_SECONDS_ON)))
