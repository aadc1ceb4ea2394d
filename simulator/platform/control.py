"""Move the platform's clock from another process: a JSON object → the clock's new time.

    {"now": "2026-03-23T20:00:00Z", "speed": 60, "advance_seconds": 3600}

All keys are optional and applied in this order. `speed` is simulated seconds per real second, 0 to freeze.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import orjson

from simulator.platform.clock import Clock
from simulator.platform.filters import ParameterError
from simulator.platform.instants import parse_instant


def control_clock(clock: Clock, body: bytes | None) -> dict[str, Any]:
    """Move `clock` as described by `body`, if any, and return its time and speed.

    Raises `ParameterError`, without moving it, for an invalid body.
    """
    if body is not None:
        wanted = _read(body)
        at = _instant(wanted, clock.now())
        speed = _number(wanted, "speed", clock.speed)
        if speed < 0:
            raise ParameterError("speed", "must be 0 or more")
        try:
            at += timedelta(seconds=_number(wanted, "advance_seconds", 0.0))
        except OverflowError:
            raise ParameterError("advance_seconds", "leads beyond the years 1 to 9999") from None
        clock.set(at)
        clock.run(speed)
    return {"now": clock.now().isoformat().replace("+00:00", "Z"), "speed": clock.speed}


def _read(body: bytes) -> dict[str, Any]:
    try:
        wanted = orjson.loads(body)
    except orjson.JSONDecodeError:
        wanted = None
    if not isinstance(wanted, dict):
        raise ParameterError("body", "must be a JSON object")
    for key in wanted.keys() - {"now", "speed", "advance_seconds"}:
        raise ParameterError(key, "is not now, speed or advance_seconds")
    return wanted


def _instant(wanted: dict[str, Any], default: datetime) -> datetime:
    if "now" not in wanted:
        return default
    try:
        return parse_instant(str(wanted["now"]))
    except ValueError as wrong:
        raise ParameterError("now", f"is {wrong}") from None


def _number(wanted: dict[str, Any], key: str, default: float) -> float:
    value = wanted.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ParameterError(key, "must be a number")
    return value
