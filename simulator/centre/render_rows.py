"""Rows of waits, work, transfers and escalations as JSON.

A row of a record, the version's instant and the call's style → one element of the API's array.
Rows that change later (transfers, escalations, a talk row with its wrap-up) show their state at that
instant.
"""

from __future__ import annotations

from typing import Any

from simulator.centre.record import Escalation, HandleRow, QueueRow, TransferRow, VirtualAgentRow
from simulator.centre.render_parts import agent_object, menu_object, virtual_agent_object
from simulator.centre.stamps import Stamp
from simulator.centre.style import Style

Json = dict[str, Any]


def queue_row(row: QueueRow, at: int, stamp: Stamp, style: Style) -> Json:
    """One wait. `event` only where the page's model has it, and only once it is certain."""
    transfer = row.transfer
    body: Json = {
        "id": row.row_id,
        "agent_id": row.agent_id,
        "ended_at": stamp(row.ended_at),
        "lang": row.queue.language,
        "menu_path_id": row.queue.queue_id,
        "menu_path": row.queue.path,
        "queue_duration": row.ended_at - row.started_at,
        "started_at": stamp(row.started_at),
        "transfer_cold": _cold(transfer, style),
        "transfer": style.flag(transfer is not None),
        "transfer_id": transfer.row_id if transfer else None,
        "service_level_abandon_time_threshold": row.target.abandon_threshold_seconds,
        "service_level_event": row.verdict,
        "service_level_target_percent": row.target.percent,
        "service_level_target_time": row.target.seconds,
    }
    if style.as_model:
        del body["id"]
        if row.answered and 0 < row.settled_at <= at:
            body["event"] = "answered"
    return body


def handle_row(row: HandleRow, at: int, stamp: Stamp, style: Style) -> Json:
    """Talk or wrap-up, or a talk row whose wrap-up was added later."""
    wrap_up = row.acw_seconds if row.acw_at <= at else 0
    ended_at = row.started_at + row.call_seconds + wrap_up
    is_wrap_up = not row.call_seconds
    body: Json = {
        "id": row.row_id,
        "agent_id": row.agent_id,
        "acw_duration": wrap_up,
        "bcw_duration": row.bcw_seconds,
        "call_duration": row.call_seconds,
        "menu_path_id": row.queue.queue_id if row.queue else None,
        "menu_path": row.queue.path if row.queue else None,
        "lang": row.queue.language if row.queue else "en",
        "barged": style.flag(row.barged),
        "transfer": style.flag(row.transfer is not None),
        "transfer_id": row.transfer.row_id if row.transfer else None,
        "transfer_cold": None if is_wrap_up and not style.numeric_flags else _cold(row.transfer, style),
        "started_at": stamp(row.started_at),
        "ended_at": stamp(ended_at),
        "scheduled_at": stamp(row.scheduled_at),
        "hold_duration": None if is_wrap_up else row.hold_seconds,
        "assigned_connection_duration": row.ring_seconds,
    }
    if style.as_model:
        del body["id"]
        body["wait_duration"] = 0
        if row.call_seconds:
            body["event"] = "call_finished"
    return body


def transfer(row: TransferRow, at: int, stamp: Stamp, style: Style) -> Json:
    """One attempt: `transferring` until somebody is connected or it failed."""
    connected = 0 < row.connected_at <= at
    failed = 0 < row.failed_at <= at
    ended = 0 < row.ended_at <= at
    assigned_at = row.assigned_at if row.assigned_at <= at else 0
    wait_until = row.connected_at if connected else row.failed_at if failed else at
    steps = (assigned_at, connected * row.connected_at, failed * row.failed_at, ended * row.ended_at)
    from_key, to_key = (
        ("from_menu", "to_menu") if style.short_menu_keys else ("from_menu_path", "to_menu_path")
    )
    return {
        "id": row.row_id,
        "status": "transferred" if connected else "failed" if failed else "transferring",
        "fail_reason": row.fail_reason if failed else "nothing",
        "created_at": stamp(row.created_at),
        "assigned_at": stamp(assigned_at),
        "connected_at": stamp(row.connected_at if connected else 0),
        "updated_at": stamp(max(row.created_at, *steps)),
        "call_duration": row.ended_at - row.connected_at if ended and connected else 0,
        "wait_duration": wait_until - row.created_at,
        "deflection": 0 if style.numeric_deflection else "no_deflection",
        "answer_type_path": "manual_to_manual",
        from_key: menu_object(row.from_queue),
        to_key: menu_object(row.to_queue),
        "from_agent": agent_object(row.from_agent),
        "to_agent": agent_object(row.to_agent) if row.to_agent and connected else None,
        "from_virtual_agent": None,
        "to_virtual_agent": virtual_agent_object(row.to_virtual_agent) if row.to_virtual_agent else None,
        "from_queue_priority_level": 0,
        "to_queue_priority_level": 0,
    }


def escalation(row: Escalation, at: int, stamp: Stamp, style: Style) -> Json:
    """An escalation from a virtual agent to a person, successful or not."""
    escalated = 0 < row.escalated_at <= at
    came_to_nothing = (
        "deflected" if 0 < row.deflected_at <= at else "failed" if 0 < row.failed_at <= at else ""
    )
    from_key, to_key = (
        ("from_menu", "to_menu") if style.short_menu_keys else ("from_menu_path", "to_menu_path")
    )
    return {
        "id": row.row_id,
        "status": "escalated" if escalated else came_to_nothing or "escalating",
        "reason": row.reason,
        "created_at": stamp(row.created_at),
        "escalated_at": stamp(row.escalated_at) if escalated else None,
        "from_virtual_agent": virtual_agent_object(row.virtual_agent),
        "to_agent": agent_object(row.to_agent) if row.to_agent and escalated else None,
        from_key: menu_object(row.from_queue),
        to_key: menu_object(row.to_queue),
    }


def deflected_escalation(row: Escalation, stamp: Stamp) -> Json:
    """An escalation that did not succeed, because the queue was closed or full."""
    return {
        "id": row.deflected_id,
        "deflection": row.deflection,
        "escalation_id": row.row_id,
        "escalation_reason": row.reason,
        "escalated_at": stamp(row.created_at),
        "menu_path_id": row.to_queue.queue_id,
        "menu_path": row.to_queue.path,
        "lang": row.to_queue.language,
        "virtual_agent": virtual_agent_object(row.virtual_agent),
    }


def virtual_agent_row(row: VirtualAgentRow, stamp: Stamp) -> Json:
    """One session with a virtual agent."""
    return {
        "id": row.row_id,
        "virtual_agent": virtual_agent_object(row.virtual_agent),
        "call_duration": row.ended_at - row.started_at,
        "escalation_reason": row.escalation_reason,
        "finish_reason": row.finish_reason,
        "sentiment": row.sentiment,
        "response_count": row.responses,
        "fallback_response_count": row.fallbacks,
        "initiated_by": "agent" if row.transfer else "end_user",
        "menu_path_id": row.queue.queue_id,
        "menu_path": row.queue.path,
        "lang": row.queue.language,
        "transfer": row.transfer is not None,
        "transfer_id": row.transfer.row_id if row.transfer else None,
        "started_at": stamp(row.started_at),
        "ended_at": stamp(row.ended_at),
    }


def _cold(transfer: TransferRow | None, style: Style) -> bool | int | None:
    if transfer is None:
        return 0 if style.numeric_flags else None
    return style.flag(transfer.cold)
