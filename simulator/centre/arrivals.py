"""When calls arrive, and of which type.

Seed, calendar and horizon → epoch seconds of new calls, in order. Volumes follow the weekday and
the hour; each local day has its own random stream, so a longer horizon adds days without changing others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate, pairwise
from random import Random

from simulator.centre.calendar import Calendar

IVR = "Voice Inbound (IVR)"
APP = "Voice Inbound (App)"
WEB_CALLBACK = "Voice Callback (Web)"
SCHEDULED_APP = "Voice Scheduled (App)"
SCHEDULED_WEB = "Voice Scheduled (Web)"
OUTBOUND = "Voice Outbound"

INBOUND_TYPES = frozenset({IVR, APP, WEB_CALLBACK})
"""Calls by callers: direction `inbound`. The other three are dialled by the centre, at its own time or at
that of an appointment: `outbound`."""

_TYPE_SHARES = ((IVR, 0.68), (APP, 0.14), (OUTBOUND, 0.09), (WEB_CALLBACK, 0.04), (SCHEDULED_APP, 0.025),
                (SCHEDULED_WEB, 0.025))  # fmt: skip

_WEEKDAY = (1.28, 1.17, 1.12, 1.1, 1.13, 0.67, 0.53)  # Monday first; mean 1
_HOUR = (
    0.4, 0.25, 0.2, 0.2, 0.3, 0.6, 1.3, 2.6, 5.4, 7.6, 8.6, 8.8, 8.0, 7.9, 8.2, 7.7, 7.1, 6.3, 5.2, 4.2,
    2.4, 1.6, 1.0, 0.6,
)  # fmt: skip

_BUSY_DAY_SHARE = 0.07
_BUSY_DAY_FACTOR = 1.25
_BURST_SHARE = 0.3
_BURST_PART = 0.05
_BURST_SECONDS = 2400
"""On some days additional calls arrive within this short time, as after an outage or a mailing. Without
them every interval would meet its target."""


def direction(call_type: str) -> str:
    """`inbound` or `outbound`, by the type's label."""
    return "inbound" if call_type in INBOUND_TYPES else "outbound"


def call_times(seed: int, calendar: Calendar, start: int, end: int, calls_per_day: int) -> Iterator[int]:
    """Epoch seconds of the calls of `[start, end)`, ascending; `calls_per_day` is the mean of a week."""
    for day in calendar.days(start, end):
        rng = Random(f"{seed}:arrivals:{day}")
        expected = calls_per_day * _WEEKDAY[day.weekday()]
        if rng.random() < _BUSY_DAY_SHARE:
            expected *= _BUSY_DAY_FACTOR
        count = max(0, round(rng.gauss(expected, expected * 0.05)))
        hours = [calendar.epoch(day, hour) for hour in range(25)]
        spans = [after - before for before, after in pairwise(hours)]
        rising = list(accumulate(weight * span for weight, span in zip(_HOUR, spans, strict=True)))
        midnight = calendar.epoch(day, 0)
        times = []
        for _ in range(count):
            hour = bisect_left(rising, rng.random() * rising[-1])
            times.append(max(midnight, hours[hour]) + rng.randrange(max(1, spans[hour])))
        if rng.random() < _BURST_SHARE:
            begins = calendar.epoch(day, rng.randint(9, 16))
            times += [begins + rng.randrange(_BURST_SECONDS) for _ in range(round(count * _BURST_PART))]
        for at in sorted(times):
            if start <= at < end:
                yield at


def draw_type(rng: Random) -> str:
    """The type of a new call."""
    left = rng.random()
    for label, share in _TYPE_SHARES:
        left -= share
        if left < 0:
            return label
    return IVR
