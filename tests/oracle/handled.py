"""Handled segments: one agent on one leg of a call, with talk and wrap-up rows combined."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tests.oracle import rules
from tests.oracle.calls import Call
from tests.oracle.raw import Json, elements, flag, instant, number, seconds, some_instant, without_copies

NOBODY = -1
"""The id for an agent, virtual agent or queue that no row names."""

FIRST_LEG = 0


@dataclass(frozen=True)
class HandledSegment:
    """Seconds of one agent on one leg, and when (UTC)."""

    call: Call
    agent_id: int
    leg: int
    is_barged: bool
    queue_id: int | None
    started_at: dt.datetime
    ended_at: dt.datetime | None
    call_seconds: int
    hold_seconds: int
    acw_seconds: int
    bcw_seconds: int
    ring_seconds: int
    stretches: tuple[tuple[dt.datetime, dt.datetime], ...]
    """Start and end of each row of work, in the order of their starts."""

    @property
    def talk_seconds(self) -> int:
        """Connected minus hold."""
        return self.call_seconds - self.hold_seconds

    @property
    def is_handled(self) -> bool:
        """A contact: the agent talked, and did not only listen in."""
        return self.call_seconds > 0 and not self.is_barged

    @property
    def is_short(self) -> bool:
        """Handled, with hardly any talk."""
        return self.is_handled and self.talk_seconds < rules.SHORT_CALL_SECONDS


def handled_segments(call: Call) -> list[HandledSegment]:
    """The call's segments, barged ones and wrap-up alone included."""
    rows = defaultdict(list)
    for row in without_copies(elements(call.body, "handle_durations"), ("agent_id", "transfer_id", "barged")):
        agent_id = number(row, "agent_id")
        key = (
            NOBODY if agent_id is None else agent_id,
            number(row, "transfer_id") or FIRST_LEG,
            bool(flag(row, "barged")),
        )
        rows[key].append(row)
    return [_folded(call, *key, sorted(some, key=_start)) for key, some in rows.items()]


def _folded(call: Call, agent_id: int, leg: int, is_barged: bool, rows: list[Json]) -> HandledSegment:
    first_talk = next((row for row in rows if seconds(row, "call_duration") > 0), rows[0])
    return HandledSegment(
        call=call,
        agent_id=agent_id,
        leg=leg,
        is_barged=is_barged,
        queue_id=number(first_talk, "menu_path_id"),
        started_at=_start(rows[0]),
        ended_at=max((end for row in rows if (end := instant(row, "ended_at"))), default=None),
        call_seconds=_sum(rows, "call_duration"),
        hold_seconds=_sum(rows, "hold_duration"),
        acw_seconds=_sum(rows, "acw_duration"),
        bcw_seconds=_sum(rows, "bcw_duration"),
        ring_seconds=_sum(rows, "assigned_connection_duration"),
        stretches=tuple((_start(row), instant(row, "ended_at") or _expected_end(row)) for row in rows),
    )


def _start(row: Json) -> dt.datetime:
    return some_instant(row, "started_at")


def _expected_end(row: Json) -> dt.datetime:
    """When a row without an end ends by its seconds."""
    return _start(row) + dt.timedelta(seconds=seconds(row, "call_duration") + seconds(row, "acw_duration"))


def _sum(rows: Iterable[Json], key: str) -> int:
    return sum(seconds(row, key) for row in rows)
