"""The record of one call: compact rows with the instants at which they appear.

The simulation writes it and `render` reads it. The body of a version depends only on the record and the version's
instant, so it cannot change without a new `updated_at`. All instants are epoch
seconds (UTC), all durations whole seconds.

When rows appear in this centre (the vendor does not document it):

- a queue row when the wait ends: answered (ringing counts as waiting), hung up or deflected;
- a talk row when the agent leaves the conversation, its wrap-up row when the wrap-up ends;
- transfers and participants when they begin; they change later;
- recordings, dispositions, surveys and tickets when they are ready, most of them after the call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.centre.people import Agent, Customer, VirtualAgent
from simulator.centre.queues import Queue, Target


@dataclass(slots=True)
class TransferRow:
    """An attempt to transfer a call. Unset instants (0) have not happened."""

    row_id: int
    created_at: int
    cold: bool
    from_agent: Agent
    from_queue: Queue
    to_queue: Queue
    to_agent: Agent | None = None
    to_virtual_agent: VirtualAgent | None = None
    assigned_at: int = 0
    connected_at: int = 0
    failed_at: int = 0
    fail_reason: str = "nothing"
    ended_at: int = 0


@dataclass(slots=True)
class QueueRow:
    """One wait in one queue; shown from `ended_at` on. `settled_at`: when its outcome is certain."""

    row_id: int
    queue: Queue
    target: Target
    agent_id: int | None
    started_at: int
    ended_at: int
    verdict: str
    transfer: TransferRow | None
    answered: bool
    settled_at: int = 0


@dataclass(slots=True)
class HandleRow:
    """Talk or wrap-up; shown from `shown_at` on.

    `acw_at` > 0 on a talk row: the wrap-up is added to this row then, instead of to a separate row.
    """

    row_id: int
    agent_id: int
    queue: Queue | None
    started_at: int
    call_seconds: int
    hold_seconds: int
    acw_seconds: int
    bcw_seconds: int
    ring_seconds: int
    barged: bool
    transfer: TransferRow | None
    shown_at: int
    acw_at: int = 0
    scheduled_at: int = 0


@dataclass(slots=True)
class Participant:
    """A party of the call; shown from `joined_at`, `connected_at` 0 when the connection failed."""

    row_id: int
    kind: str
    joined_at: int
    connected_at: int
    who: Agent | VirtualAgent | None = None
    ended_at: int = 0
    hold_seconds: int = 0
    fail_reason: str = "nothing"
    adapter_code: int = 0


@dataclass(slots=True)
class VirtualAgentRow:
    """One session with a virtual agent; shown from `ended_at` on."""

    row_id: int
    virtual_agent: VirtualAgent
    queue: Queue
    started_at: int
    ended_at: int
    escalation_reason: str | None
    finish_reason: str
    sentiment: int
    responses: int
    fallbacks: int
    transfer: TransferRow | None = None


@dataclass(slots=True)
class Escalation:
    """A virtual agent's request for a person. `deflection` is why it did not succeed."""

    row_id: int
    virtual_agent: VirtualAgent
    from_queue: Queue
    to_queue: Queue
    created_at: int
    reason: str
    escalated_at: int = 0
    failed_at: int = 0
    to_agent: Agent | None = None
    deflection: str = ""
    deflected_at: int = 0
    deflected_id: int = 0


@dataclass(slots=True)
class Span:
    """Time of the caller in a menu, a payment or a survey; shown from `ended_at` on."""

    row_id: int
    kind: str
    event: str
    started_at: int
    ended_at: int


@dataclass(slots=True)
class Item:
    """A small element that appears at an instant and stays: recording, photo, disposition, text."""

    at: int
    array: str
    row_id: int
    values: tuple[Any, ...]


@dataclass(slots=True)
class CallRecord:
    """One call. `salt` decides the style of its JSON; `changes` are (instant, field, value)."""

    call_id: int
    parent_id: int | None
    call_type: str
    queue: Queue | None
    customer: Customer
    salt: int
    created_at: int
    offer_type: str | None = None
    changes: list[tuple[int, str, Any]] = field(default_factory=list)
    queue_rows: list[QueueRow] = field(default_factory=list)
    handle_rows: list[HandleRow] = field(default_factory=list)
    transfers: list[TransferRow] = field(default_factory=list)
    participants: list[Participant] = field(default_factory=list)
    virtual_agents: list[VirtualAgentRow] = field(default_factory=list)
    escalations: list[Escalation] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    offers: list[int] = field(default_factory=list)
    instants: list[int] = field(default_factory=list)

    def set(self, at: int, **values: Any) -> None:
        """Top-level fields have these values from `at` on."""
        self.instants.append(at)
        for key, value in values.items():
            self.changes.append((at, key, value))

    def touch(self, at: int) -> None:
        """Something in the rows changes at `at`."""
        self.instants.append(at)

    def add(self, at: int, array: str, row_id: int, *values: Any) -> None:
        """A small row of `array` appears at `at`."""
        self.instants.append(at)
        self.items.append(Item(at, array, row_id, values))

    def seal(self) -> None:
        """Sort changes and version instants when the call is completely written."""
        self.changes.sort(key=_instant)
        self.items.sort(key=lambda item: item.at)
        self.instants = sorted(set(self.instants))


def _instant(change: tuple[int, str, Any]) -> int:
    return change[0]
