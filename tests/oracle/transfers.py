"""Transfers: what became of each attempt, its kind, and whose work and which queues stand around it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from tests.oracle import rules
from tests.oracle.calls import UNKNOWN, Call
from tests.oracle.handled import FIRST_LEG, HandledSegment
from tests.oracle.raw import Json, elements, flag, id_inside, number, seconds, some_instant


@dataclass(frozen=True)
class Transfer:
    """One attempt; instants are UTC."""

    call: Call
    transfer_id: int | None
    outcome: str
    is_ringing: bool
    kind: str
    created_at: dt.datetime
    wait_seconds: int
    from_agent: int | None
    to_agent: int | None
    from_virtual_agent: int | None
    to_virtual_agent: int | None
    from_queue: int | None
    to_queue: int | None
    left: HandledSegment | None
    """The handled segment it left; only a completed one leaves a segment."""


def transfers(call: Call, handled: Sequence[HandledSegment]) -> list[Transfer]:
    """The call's attempts."""
    return [_transfer(call, row, handled) for row in elements(call.body, "transfers")]


def _transfer(call: Call, row: Json, handled: Sequence[HandledSegment]) -> Transfer:
    transfer_id = number(row, "id")
    reason = row.get("fail_reason")
    created_at = some_instant(row, "created_at")
    outcome = _outcome(call, row, any(each.leg == transfer_id and each.is_handled for each in handled))
    from_agent = id_inside(row, "from_agent")
    work = _latest_work(from_agent, created_at, [each for each in handled if each.is_handled])
    return Transfer(
        call=call,
        transfer_id=transfer_id,
        outcome=outcome,
        is_ringing=reason in rules.RINGING and outcome in ("abandoned", "failed"),
        kind=_kind(call, transfer_id),
        created_at=created_at,
        wait_seconds=seconds(row, "wait_duration"),
        from_agent=from_agent,
        to_agent=id_inside(row, "to_agent"),
        from_virtual_agent=id_inside(row, "from_virtual_agent"),
        to_virtual_agent=id_inside(row, "to_virtual_agent"),
        from_queue=work.queue_id if work else None,
        to_queue=_queue_of_leg(call, transfer_id),
        left=work if outcome == "completed" else None,
    )


def _outcome(call: Call, row: Json, is_handled: bool) -> str:
    """By the status, unless an agent talked all the same; the fail reason tells a hang-up from an error."""
    by_status = rules.TRANSFER_OUTCOMES.get(row.get("status") or "", "in_progress")
    if by_status == "completed" or is_handled:
        return "completed"
    if by_reason := rules.ABANDON_OUTCOMES.get(row.get("fail_reason") or ""):
        return by_reason
    if by_status == "in_progress" and call.is_ended:
        return "failed"
    return by_status


def _kind(call: Call, transfer_id: int | None) -> str:
    for array in ("handle_durations", "queue_durations"):
        for row in elements(call.body, array):
            cold = flag(row, "transfer_cold")
            if transfer_id is not None and number(row, "transfer_id") == transfer_id and cold is not None:
                return "cold" if cold else "warm"
    return UNKNOWN


def _latest_work(
    agent_id: int | None, until: dt.datetime, handled: Sequence[HandledSegment]
) -> HandledSegment | None:
    before = [each for each in handled if each.agent_id == agent_id and each.started_at <= until]
    return max(before, key=lambda each: (each.started_at, each.leg), default=None)


def _queue_of_leg(call: Call, transfer_id: int | None) -> int | None:
    """The queue that the leg waited in first, else the one it was worked on for."""
    for array in ("queue_durations", "handle_durations"):
        rows = [
            row
            for row in elements(call.body, array)
            if (number(row, "transfer_id") or FIRST_LEG) == transfer_id
            and number(row, "menu_path_id") is not None
        ]
        if rows:
            return number(min(rows, key=lambda row: some_instant(row, "started_at")), "menu_path_id")
    return None
