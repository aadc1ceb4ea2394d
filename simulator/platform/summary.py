"""A call's body → the values for filters and sorting, each with one type.

Bodies may have text where a number is documented: an unreadable value is `None`, matches no filter and sorts last, and
the body is served unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.platform.instants import readable_instant
from simulator.platform.vocabulary import CLASS_OF_LABEL


@dataclass(frozen=True, slots=True)
class Summary:
    """The values of a call for filters and sorting. Instants are UTC, durations seconds."""

    created_at: datetime | None
    queued_at: datetime | None
    assigned_at: datetime | None
    connected_at: datetime | None
    ends_at: datetime | None
    scheduled_at: datetime | None
    wait_duration: float | None
    queue_duration: float | None
    call_duration: float | None
    hold_duration: float | None
    rating: float | None
    status: str | None
    fail_reason: str | None
    support_number: str | None
    verified: bool | None
    call_class: str | None
    end_user_id: int | None
    agent_ids: frozenset[int]
    """The agents: `agent_info` and every row of `handle_durations`, including supervisors listening in."""


def summarise(body: Mapping[str, Any]) -> Summary:
    """The values of a call's body for filters and sorting."""
    scheduled_at = readable_instant(body.get("scheduled_at"))
    status = _text(body.get("status"))
    verified = body.get("verified")
    return Summary(
        created_at=readable_instant(body.get("created_at")),
        queued_at=readable_instant(body.get("queued_at")),
        assigned_at=readable_instant(body.get("assigned_at")),
        connected_at=readable_instant(body.get("connected_at")),
        ends_at=readable_instant(body.get("ends_at")),
        scheduled_at=scheduled_at,
        wait_duration=_number(body.get("wait_duration")),
        queue_duration=_number(body.get("queue_duration")),
        call_duration=_number(body.get("call_duration")),
        hold_duration=_number(body.get("hold_duration")),
        rating=_number(body.get("rating")),
        status=status,
        fail_reason=_text(body.get("fail_reason")),
        support_number=_text(body.get("support_number")),
        verified=bool(verified) if verified in (0, 1) else None,
        call_class=_call_class(_text(body.get("call_type")), status, scheduled_at),
        end_user_id=_id_in(body.get("end_user"), "id"),
        agent_ids=_agent_ids(body),
    )


def _call_class(label: str | None, status: str | None, scheduled_at: datetime | None) -> str | None:
    """The one class of a call.

    No label is documented for two of the classes. Assumed: `ActionOnlyCall` is a call in one of the
    two `action_only` states (the operator's own telephony carries it), whatever its label;
    `AgentScheduledCall` is an outbound call for which a time was set.
    """
    if status in ("action_only", "action_only_finished"):
        return "ActionOnlyCall"
    call_class = CLASS_OF_LABEL.get(label or "")
    if call_class == "OutboundCall" and scheduled_at is not None:
        return "AgentScheduledCall"
    return call_class


def _agent_ids(body: Mapping[str, Any]) -> frozenset[int]:
    legs = body.get("handle_durations")
    found = [_id_in(leg, "agent_id") for leg in legs] if isinstance(legs, list) else []
    found.append(_id_in(body.get("agent_info"), "id"))
    return frozenset(agent_id for agent_id in found if agent_id is not None)


def _id_in(element: object, key: str) -> int | None:
    value = element.get(key) if isinstance(element, dict) else None
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
