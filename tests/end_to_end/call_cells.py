"""Cells of the marts about calls, transfers and virtual agents, counted in Python from what really happened.

A contact is an inbound call that is not a call-back. It is over when it ended or left for a voicemail or an
appointment. A session with a virtual agent is contained if no person was requested and no agent talked later.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from simulator.centre import Truth
from tests.end_to_end.cells import Cells

WEEK = timedelta(days=7)
FLOWS_OUT = {
    "voicemail": "deflected_to_voicemail",
    "scheduled_call": "deflected_to_callback",
    "phone_number": "deflected_elsewhere",
    "message": "deflected_elsewhere",
}

TRANSFER_KEY = ("local_date", "kind", "from_queue_id", "to_queue_id", "from_agent_id", "to_agent_id")
TRANSFER_PARTS = ("attempts", "completed", "failed", "abandoned", "in_progress")
MACHINE_KEY = ("local_date", "virtual_agent_id")
MACHINE_PARTS = ("sessions", "contained", "escalated", "session_seconds")
DAY_KEY = ("local_date", "call_type")
MENU_PARTS = ("entered_menu", "menu_abandoned")
DEFLECTION_PARTS = (
    "contacts",
    "deflected",
    *sorted(set(FLOWS_OUT.values())),
    "deflected_after_hours",
    "deflected_over_capacity",
    "callbacks",
    "successful_callbacks",
)
REPEAT_PARTS = ("inbound_contacts", "open_contacts", "contacts", "repeated_contacts", "resolved_contacts")


def _day(moment: datetime, time_zone: str) -> date:
    return moment.astimezone(ZoneInfo(time_zone)).date()


def _cells() -> Cells:
    return defaultdict(lambda: defaultdict(int))


def _talked(truth: Truth) -> dict[int, datetime]:
    """When an agent last began to talk, for each call with one."""
    last: dict[int, datetime] = {}
    for segment in truth.handled_segments:
        if not segment.barged and segment.talk_seconds + segment.hold_seconds > 0:
            last[segment.call_id] = max(segment.started_at, last.get(segment.call_id, segment.started_at))
    return last


def transfer_cells(truth: Truth, time_zone: str) -> Cells:
    """Attempts by day, kind, queues and agents; the receiver is -1 if there was none or a virtual agent."""
    cells = _cells()
    for transfer in truth.transfers:
        reached = transfer.outcome == "answered"
        key: tuple[Any, ...] = (
            _day(transfer.created_at, time_zone),
            # No leg shows how a call was transferred to a virtual agent.
            "unknown" if reached and transfer.to_agent_id is None else "cold" if transfer.cold else "warm",
            transfer.from_queue_id,
            transfer.to_queue_id,
            transfer.from_agent_id,
            transfer.to_agent_id if reached and transfer.to_agent_id is not None else -1,
        )
        cells[key]["attempts"] += 1
        cells[key]["completed" if transfer.outcome == "answered" else transfer.outcome] += 1
    return cells


def machine_cells(truth: Truth, time_zone: str) -> Cells:
    """Sessions by day and virtual agent."""
    talked = _talked(truth)
    ended = {call.call_id for call in truth.calls if call.ended_at}
    cells = _cells()
    for session in truth.virtual_agent_sessions:
        cell = cells[(_day(session.started_at, time_zone), session.virtual_agent_id)]
        person_later = session.call_id in talked and talked[session.call_id] >= session.started_at
        cell["sessions"] += 1
        cell["escalated"] += session.escalated
        cell["contained"] += not session.escalated and not person_later and session.call_id in ended
        cell["session_seconds"] += int((session.ended_at - session.started_at).total_seconds())
    return cells


def menu_cells(truth: Truth, time_zone: str) -> Cells:
    """Calls that entered the menus, by day and type, known when they have left them."""
    cells = _cells()
    for call in truth.calls:
        if call.entered_menu and call.status != "selecting":
            cell = cells[(_day(call.created_at, time_zone), call.call_type)]
            cell["entered_menu"] += 1
            cell["menu_abandoned"] += call.fail_reason == "eu_in_menu_abandoned"
    return cells


def deflection_cells(truth: Truth, time_zone: str) -> Cells:
    """Contacts that are over, and their call-backs, by the contact's day and type."""
    calls = {call.call_id: call for call in truth.calls}
    talked = _talked(truth)
    cells = _cells()
    for call in truth.calls:
        if call.parent_id is not None:
            parent = calls[call.parent_id]
            cell = cells[(_day(parent.created_at, time_zone), parent.call_type)]
            if call.ended_at:
                cell["callbacks"] += 1
                cell["successful_callbacks"] += call.call_id in talked
        elif call.direction == "inbound" and (call.ended_at or call.deflected_to):
            cell = cells[(_day(call.created_at, time_zone), call.call_type)]
            cell["contacts"] += 1
            if call.deflected_to:
                cell["deflected"] += 1
                cell[FLOWS_OUT[call.deflected_to]] += 1
                cell[f"deflected_{call.deflected_because}"] += 1
    return cells


def repeat_cells(truth: Truth, time_zone: str) -> Cells:
    """Contacts whose week is over, and whether their caller called again in it, by day and type."""
    talked = _talked(truth)
    escalated = {session.call_id: session.escalated for session in truth.virtual_agent_sessions}
    contacts = [call for call in truth.calls if call.direction == "inbound" and call.parent_id is None]
    contacts.sort(key=lambda call: (call.created_at, call.call_id))
    cells = _cells()
    for place, call in enumerate(contacts):
        if not (call.ended_at or call.deflected_to):
            continue
        again = next((c for c in contacts[place + 1 :] if c.customer_id == call.customer_id), None)
        repeated = again is not None and again.created_at - call.created_at <= WEEK
        cell = cells[(_day(call.created_at, time_zone), call.call_type)]
        cell["inbound_contacts"] += 1
        if call.created_at + WEEK > truth.as_of:
            cell["open_contacts"] += 1
            continue
        served = call.call_id in talked or escalated.get(call.call_id) is False
        cell["contacts"] += 1
        cell["repeated_contacts"] += repeated
        cell["resolved_contacts"] += served and not repeated
    return cells
