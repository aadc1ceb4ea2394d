"""Every probability and duration of the centre.

A call's random stream → whole seconds and choices. Medians and shares are invented, but of the size
that busy centres report: some 80 % answered, four to six minutes a conversation, half a minute of
wrap-up. Durations are never 0 where somebody talked.
"""

from __future__ import annotations

from math import exp, log
from random import Random

from simulator.centre.failures import CONNECTION_REASONS

MENU_ABANDON_SHARE = 0.045
IMPATIENT_SHARE = 0.05
IMPATIENT_WITHIN_SECONDS = 9
FLOW_OUT_SHARE = 0.35
"""Share of callers who accept the offer of another way when they hear the announcement."""
OVER_CAPACITY_SHARE = 0.7
IGNORE_SHARE = 0.025
RING_OUT_SECONDS = 20
IGNORED_AGENT_PAUSE_SECONDS = 60
MOST_IGNORED_RINGS = 3
QUEUE_EXPIRES_SECONDS = 2700
FORCED_EXPIRY_SECONDS = 600
TRANSFER_SHARE = 0.09
SECOND_TRANSFER_SHARE = 0.12
MOST_TRANSFERS = 3
COLD_SHARE = 0.55
BACK_TO_FIRST_SHARE = 0.45
"""Share of second transfers that go back to the first agent."""
TRANSFER_WAIT_SECONDS = (90, 420)
BARGE_SHARE = 0.012
HOLD_SHARE = 0.28
ACW_SHARE = 0.93
ACW_IN_TALK_ROW_SHARE = 0.04
RECOVER_SHARE = 0.2
VOICEMAIL_CALLBACK_SHARE = 0.35
WRONG_VERDICT_SHARE = 0.01
REPEAT_CALLER_SHARE = 0.12
CUSTOMERS_PER_DAILY_CALL = 15

DIAL_RESULTS: tuple[tuple[str, float], ...] = (
    ("eu_no_answer", 0.13),
    ("eu_busy", 0.04),
    ("eu_rejected", 0.03),
    ("eu_wrong_number", 0.02),
    ("ag_canceled", 0.02),
)
"""Outcomes of calls that the centre dials, other than a conversation."""

NOTIFICATION_FAILS_SHARE = 0.03
"""Scheduled calls to an app begin with a push notification, which can fail."""

RARE: tuple[str, ...] = (
    *(f"connect:{reason}" for reason in CONNECTION_REASONS),
    "drop:voip_conn_general", "drop:voip_conn_signal", "drop:unknown",
    "transfer:voip_conn_timeout", "transfer:ag_ignored", "transfer:expired",
    "expire", "switching", "ring_cancel", "ignore_all", "action_only", "media", "barge", "impatient",
)  # fmt: skip
"""Events that must occur in every centre of some thousand calls: assigned in turn, not by chance."""

_RARE_EVERY = 30


def rare_event(number: int) -> str:
    """The rare event of the arrival with this number; empty for most."""
    turn, place = divmod(number, _RARE_EVERY)
    return RARE[turn % len(RARE)] if place == 11 else ""


def around(rng: Random, median: float, spread: float, least: int, most: int) -> int:
    """Whole seconds, log-normal around a median, clipped to `[least, most]`."""
    return max(least, min(most, round(exp(rng.gauss(log(median), spread)))))


def patience(rng: Random, mean: int) -> int:
    """Seconds a caller waits before hanging up: exponential, with some who leave almost at once."""
    if rng.random() < IMPATIENT_SHARE:
        return rng.randint(1, IMPATIENT_WITHIN_SECONDS)
    return 2 + round(rng.expovariate(1 / mean))


def ring(rng: Random) -> int:
    """Seconds until an agent accepts."""
    return 1 + min(16, round(rng.expovariate(1 / 4)))


def hold(rng: Random, call_seconds: int) -> int:
    """Seconds on hold in a conversation, always less than half of it."""
    if rng.random() >= HOLD_SHARE or call_seconds < 30:
        return 0
    return rng.randint(3, min(180, call_seconds // 2 - 1))


def wrap_up(rng: Random) -> int:
    """Seconds of after-call work, often there, sometimes 0."""
    return around(rng, 32, 0.6, 2, 600) if rng.random() < ACW_SHARE else 0


def dial_result(rng: Random, *, app: bool) -> str:
    """A fail reason, or "" when the caller picks up."""
    left = rng.random()
    if app and left < NOTIFICATION_FAILS_SHARE:
        return "eu_noti_failed"
    left = rng.random()
    for reason, share in DIAL_RESULTS:
        left -= share
        if left < 0:
            return reason
    return ""
