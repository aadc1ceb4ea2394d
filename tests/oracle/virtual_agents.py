"""Virtual-agent sessions: whether each requested a person, whether one came, and the outcome of the request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.oracle.calls import Call
from tests.oracle.handled import NOBODY, HandledSegment
from tests.oracle.raw import Json, elements, id_inside, number, seconds, some_instant, told_or_elapsed
from tests.oracle.transfers import Transfer


@dataclass(frozen=True)
class Session:
    """One session of a caller with a virtual agent; instants are UTC."""

    call: Call
    virtual_agent: int
    queue_id: int
    started_at: dt.datetime
    session_seconds: int
    responses: int
    fallback_responses: int
    outcome: str
    escalation_outcome: str | None


@dataclass(frozen=True)
class _Wish:
    """A virtual agent requested a person."""

    virtual_agent: int | None
    asked_at: dt.datetime
    came_to: str | None
    """person, deflected, or nothing yet."""


def sessions(call: Call, handled: Sequence[HandledSegment], transfers: Sequence[Transfer]) -> list[Session]:
    """The call's sessions."""
    rows = elements(call.body, "virtual_agent_handle_durations")
    wishes: list[list[_Wish]] = [[] for _ in rows]
    for wish in _wishes(call, transfers):
        if rows:
            wishes[max(range(len(rows)), key=lambda place: _nearness(wish, rows[place], place))].append(wish)
    return [_session(call, row, its, handled) for row, its in zip(rows, wishes, strict=True)]


def _nearness(wish: _Wish, row: Json, place: int) -> tuple[bool, bool, dt.datetime, int]:
    """The latest session of that virtual agent begun by then is nearest; no wish is lost for want of one."""
    started_at, virtual_agent = some_instant(row, "started_at"), id_inside(row, "virtual_agent")
    is_its = virtual_agent is not None and virtual_agent == wish.virtual_agent
    return is_its, started_at <= wish.asked_at, started_at, place


def _wishes(call: Call, transfers: Sequence[Transfer]) -> Iterator[_Wish]:
    for row in elements(call.body, "escalations"):
        taken = "person" if row.get("escalated_at") else None
        yield _Wish(id_inside(row, "from_virtual_agent"), some_instant(row, "created_at"), taken)
    for row in elements(call.body, "virtual_agent_deflected_escalations"):
        yield _Wish(id_inside(row, "virtual_agent"), some_instant(row, "escalated_at"), "deflected")
    for transfer in transfers:  # as escalations were told of before they had an array of their own
        if transfer.from_virtual_agent is not None and transfer.to_virtual_agent is None:
            came_to = {"completed": "person", "flowed_out": "deflected"}.get(transfer.outcome)
            yield _Wish(transfer.from_virtual_agent, transfer.created_at, came_to)


def _session(call: Call, row: Json, wishes: Sequence[_Wish], handled: Sequence[HandledSegment]) -> Session:
    started_at = some_instant(row, "started_at")
    person_later = any(each.is_handled and each.started_at >= started_at for each in handled)
    escalated = bool(wishes) or row.get("escalation_reason") is not None
    if escalated:
        outcome = "escalated"
    elif person_later:
        outcome = "person_later"
    else:
        outcome = "contained" if call.is_ended else "in_progress"
    virtual_agent, queue_id = id_inside(row, "virtual_agent"), number(row, "menu_path_id")
    return Session(
        call=call,
        virtual_agent=NOBODY if virtual_agent is None else virtual_agent,
        queue_id=NOBODY if queue_id is None else queue_id,
        started_at=started_at,
        session_seconds=told_or_elapsed(row, "call_duration"),
        responses=seconds(row, "response_count"),
        fallback_responses=seconds(row, "fallback_response_count"),
        outcome=outcome,
        escalation_outcome=_came_to(call, wishes, person_later) if escalated else None,
    )


def _came_to(call: Call, wishes: Sequence[_Wish], person_later: bool) -> str:
    ends = {wish.came_to for wish in wishes}
    if person_later or "person" in ends:
        return "person"
    if "deflected" in ends:
        return "deflected"
    return "failed" if call.is_ended else "in_progress"
