"""Transfers: the outcome and kind of each attempt, and the work and queues around it."""

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
    outcome = _outcome(row, any(each.leg == transfer_id and each.is_handled for each in handled))
    from_agent = id_inside(row, "from_agent")
    before = [
        each
        for each in handled
        if each.is_handled and each.leg != transfer_id and each.started_at <= created_at
    ]
    work = [each for each in before if each.agent_id == from_agent]
    return Transfer(
        call=call,
        transfer_id=transfer_id,
        outcome=outcome,
        is_ringing=reason in rules.RINGING,
        kind=_kind(call, transfer_id),
        created_at=created_at,
        wait_seconds=seconds(row, "wait_duration"),
        from_agent=from_agent,
        to_agent=id_inside(row, "to_agent"),
        from_virtual_agent=id_inside(row, "from_virtual_agent"),
        to_virtual_agent=id_inside(row, "to_virtual_agent"),
        from_queue=_queue_left(call, transfer_id, created_at, work),
        to_queue=_queue_gone_to(call, transfer_id, handled),
        left=_latest(work) if outcome == "completed" else None,
    )


def _outcome(row: Json, is_handled: bool) -> str:
    """By the status, unless an agent talked all the same; then by the fail reason, a hang-up or an error.

    Undecided ones stay in progress, whatever the outcome of the call.
    """
    status, reason = row.get("status"), row.get("fail_reason")
    by_status = rules.TRANSFER_OUTCOMES.get(status or "")
    if by_status == "completed" or is_handled:
        return "completed"
    if by_status == "flowed_out" or row.get("deflection") not in (None, 0, *rules.NO_DEFLECTIONS):
        return "flowed_out"
    if reason in rules.ABANDON_OUTCOMES:
        return rules.ABANDON_OUTCOMES[reason]
    if by_status == "failed" or reason not in (None, "nothing"):
        return "failed"
    return "in_progress"


def _kind(call: Call, transfer_id: int | None) -> str:
    """Cold where any row of the leg says so; some leave it out."""
    told = {
        flag(row, "transfer_cold")
        for array in ("handle_durations", "queue_durations")
        for row in elements(call.body, array)
        if transfer_id is not None and number(row, "transfer_id") == transfer_id
    }
    return "cold" if True in told else "warm" if False in told else UNKNOWN


def _latest(segments: Sequence[HandledSegment]) -> HandledSegment | None:
    return max(segments, key=lambda each: (each.started_at, each.leg), default=None)


def _queue_left(
    call: Call, transfer_id: int | None, until: dt.datetime, work: Sequence[HandledSegment]
) -> int | None:
    """Of the agent's latest work begun by then, else of the latest wait, else of the latest virtual agent.

    The leg that the transfer led to is not the one it left. Rows without a queue are ignored.
    """
    if last_work := _latest([each for each in work if each.queue_id is not None]):
        return last_work.queue_id
    for array in ("queue_durations", "virtual_agent_handle_durations"):
        rows = [
            (some_instant(row, "started_at"), leg, queue_id)
            for row in elements(call.body, array)
            if (queue_id := number(row, "menu_path_id")) is not None
            and (leg := number(row, "transfer_id") or FIRST_LEG) != transfer_id
            and some_instant(row, "started_at") <= until
        ]
        if rows:
            return max(rows)[-1]
    return None


def _queue_gone_to(call: Call, transfer_id: int | None, handled: Sequence[HandledSegment]) -> int | None:
    """Of the first wait of the leg, else of the first work on it, an agent's or a virtual agent's."""

    def first(array: str) -> list[tuple[dt.datetime, int]]:
        return [
            (some_instant(row, "started_at"), queue_id)
            for row in elements(call.body, array)
            if number(row, "transfer_id") == transfer_id
            and (queue_id := number(row, "menu_path_id")) is not None
        ]

    waits = first("queue_durations")
    work = first("virtual_agent_handle_durations") + [
        (each.started_at, each.queue_id)
        for each in handled
        if each.is_handled and each.leg == transfer_id and each.queue_id is not None
    ]
    return min(waits or work)[-1] if waits or work else None
