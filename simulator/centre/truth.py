"""What really happened, written by the simulation independently of any JSON.

Facts with the instant from which the API shows them (`known_at`) → `Truth` as of an instant. Tests compare the marts
with it. A wait that has ended is `in_progress` as long as the API does not show its outcome: an answered first wait is
known as answered when the conversation's talk row appears.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import floor
from pathlib import Path

_Status = tuple[int, str, bool, str | None]
"""Start (epoch seconds), status, whether the call ended then, fail reason."""


@dataclass(frozen=True, slots=True)
class QueueSegmentTruth:
    """One wait in one queue. Key: (call_id, transfer_id). `outcome` as metrics name it."""

    call_id: int
    transfer_id: int | None
    queue_id: int
    queue_name: str
    language: str
    call_type: str
    direction: str
    entered_at: datetime
    ended_at: datetime
    wait_seconds: int
    outcome: str
    is_ringing_abandon: bool
    agent_id: int | None
    target_seconds: int
    target_percent: int
    abandon_threshold_seconds: int
    known_at: datetime


@dataclass(frozen=True, slots=True)
class HandledSegmentTruth:
    """One agent on one leg of a call. Key: (call_id, agent_id, transfer_id, barged).

    `talk_seconds` does not include hold. `ended_at` is the end of the conversation, before wrap-up;
    `acw_known_at` is None when there was no wrap-up.
    """

    call_id: int
    agent_id: int
    transfer_id: int | None
    barged: bool
    queue_id: int | None
    call_type: str
    direction: str
    started_at: datetime
    ended_at: datetime
    talk_seconds: int
    hold_seconds: int
    acw_seconds: int
    bcw_seconds: int
    ring_seconds: int
    known_at: datetime
    acw_known_at: datetime | None


@dataclass(frozen=True, slots=True)
class TransferTruth:
    """An attempt to transfer a call; `outcome` is answered, abandoned, failed or in_progress."""

    call_id: int
    transfer_id: int
    cold: bool
    from_agent_id: int
    to_agent_id: int | None
    from_queue_id: int
    to_queue_id: int
    created_at: datetime
    outcome: str
    known_at: datetime


@dataclass(frozen=True, slots=True)
class VirtualAgentTruth:
    """One session with a virtual agent, and whether it asked for a person."""

    call_id: int
    virtual_agent_id: int
    started_at: datetime
    ended_at: datetime
    escalated: bool
    known_at: datetime


@dataclass(frozen=True, slots=True)
class CallTruth:
    """A call; `changed_at` is when its status last changed.

    `deflected_to` is voicemail, scheduled_call, phone_number or message, `deflected_because`
    after_hours or over_capacity. `ended_at` is None while it lasts; `customer_id` is the caller."""

    call_id: int
    parent_id: int | None
    call_type: str
    direction: str
    customer_id: int
    entered_menu: bool
    created_at: datetime
    status: str
    fail_reason: str
    ended_at: datetime | None
    changed_at: datetime
    deflected_to: str | None = None
    deflected_because: str | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """All facts that the API shows at `as_of`."""

    as_of: datetime
    calls: list[CallTruth]
    queue_segments: list[QueueSegmentTruth]
    handled_segments: list[HandledSegmentTruth]
    transfers: list[TransferTruth]
    virtual_agent_sessions: list[VirtualAgentTruth]

    def write(self, path: Path) -> None:
        """One JSON object a line: `kind` (calls, queue_segments, …) and the fact's fields."""
        with path.open("w", encoding="utf-8") as file:
            for name in (
                "calls",
                "queue_segments",
                "handled_segments",
                "transfers",
                "virtual_agent_sessions",
            ):
                for fact in getattr(self, name):
                    line = {"kind": name, **dataclasses.asdict(fact)}
                    file.write(json.dumps(line, default=_iso, ensure_ascii=False) + "\n")


@dataclass(slots=True)
class Ledger:
    """The simulation's facts, appended as they become known."""

    calls: list[CallTruth] = field(default_factory=list)
    queue_segments: list[QueueSegmentTruth] = field(default_factory=list)
    handled_segments: list[HandledSegmentTruth] = field(default_factory=list)
    transfers: list[TransferTruth] = field(default_factory=list)
    virtual_agent_sessions: list[VirtualAgentTruth] = field(default_factory=list)
    _statuses: dict[int, list[_Status]] = field(default_factory=dict)
    _deflections: dict[int, tuple[int, str, str]] = field(default_factory=dict)

    def opened(self, call: CallTruth) -> None:
        """Record a new call."""
        self.calls.append(call)
        self._statuses[call.call_id] = []

    def status(
        self, call_id: int, at: int, status: str, *, ended: bool = False, fail_reason: str | None = None
    ) -> None:
        """The call has another status from `at` (epoch seconds) on; `ended` when that is its end."""
        self._statuses[call_id].append((at, status, ended, fail_reason))

    def deflected(self, call_id: int, at: int, to: str, because: str) -> None:
        """Record that the caller was deflected at `at` (epoch seconds)."""
        self._deflections[call_id] = (at, to, because)

    def as_of(self, now: datetime) -> Truth:
        """What is known at `now`, inclusive."""
        second = floor(now.timestamp())
        return Truth(
            as_of=now,
            calls=[self._call_fact(call, second) for call in self.calls if call.created_at <= now],
            queue_segments=[_queue_fact(s, now) for s in self.queue_segments if s.ended_at <= now],
            handled_segments=[_handled_fact(s, now) for s in self.handled_segments if s.known_at <= now],
            transfers=[_transfer_fact(t, now) for t in self.transfers if t.created_at <= now],
            virtual_agent_sessions=[s for s in self.virtual_agent_sessions if s.known_at <= now],
        )

    def _call_fact(self, call: CallTruth, second: int) -> CallTruth:
        """The call with its newest status up to `second`; within a second, the one written last."""
        known = sorted((entry for entry in self._statuses[call.call_id] if entry[0] <= second), key=_when)
        if not known:
            return call
        when, to, because = self._deflections.get(call.call_id, (second + 1, "", ""))
        return dataclasses.replace(
            call,
            deflected_to=to if when <= second else None,
            deflected_because=because if when <= second else None,
            status=known[-1][1],
            fail_reason=next((reason for *_, reason in reversed(known) if reason), call.fail_reason),
            ended_at=next((instant(at) for at, _, ended, _ in known if ended), None),
            changed_at=instant(known[-1][0]),
        )


def instant(at: int) -> datetime:
    """Epoch seconds as UTC."""
    return datetime.fromtimestamp(at, UTC)


def _when(entry: _Status) -> int:
    return entry[0]


def _queue_fact(segment: QueueSegmentTruth, now: datetime) -> QueueSegmentTruth:
    if segment.known_at <= now:
        return segment
    return dataclasses.replace(segment, outcome="in_progress", is_ringing_abandon=False)


def _handled_fact(segment: HandledSegmentTruth, now: datetime) -> HandledSegmentTruth:
    if segment.acw_known_at is None or segment.acw_known_at <= now:
        return segment
    return dataclasses.replace(segment, acw_seconds=0)


def _transfer_fact(transfer: TransferTruth, now: datetime) -> TransferTruth:
    if transfer.known_at <= now:
        return transfer
    return dataclasses.replace(transfer, outcome="in_progress", to_agent_id=None)


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"cannot write {value!r} as JSON")
