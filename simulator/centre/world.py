"""What all processes of the simulation share, and how calls are recorded.

Seed and settings → records (for the API) and ledger (the truth), written separately and never derived from each other.
Processes report what happened; this module decides what that means for a record.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import simpy

from simulator.centre import chances
from simulator.centre.arrivals import direction
from simulator.centre.calendar import Calendar
from simulator.centre.failures import adapter_code
from simulator.centre.floor import Floor
from simulator.centre.people import Agent, Customer
from simulator.centre.queues import TARGET_CHANGE_DAYS, Queue, Target
from simulator.centre.record import CallRecord, TransferRow
from simulator.centre.truth import CallTruth, Ledger, instant

Process = Generator[Any, Any, Any]
"""A SimPy process, or a part of one."""

FIRST_CALL_ID = 100_001


@dataclass(slots=True, eq=False)
class LiveCall:
    """A call in progress: its record, its random stream and its decisions."""

    record: CallRecord
    rng: Random
    rare: str = ""
    assigned: bool = False
    connected: bool = False
    scheduled_at: int = 0
    ended_at: int = 0
    succeeded: bool = False
    transfers: int = 0

    @property
    def call_id(self) -> int:
        return self.record.call_id

    @property
    def queue(self) -> Queue:
        """The queue the caller chose; calls that agents dial have none."""
        if self.record.queue is None:
            raise ValueError(f"call {self.call_id} ({self.record.call_type}) has no queue")
        return self.record.queue


@dataclass(slots=True, eq=False)
class Leg:
    """One conversation of a call with one agent. `queue` is None for a call the agent dialled."""

    agent: Agent
    queue: Queue | None
    target: Target | None
    entered_at: int
    connected_at: int
    ring_seconds: int
    transfer: TransferRow | None = None
    bcw_seconds: int = 0
    came_from: Agent | None = None


@dataclass(eq=False)
class World:
    """The state of a running simulation."""

    env: simpy.Environment
    seed: int
    start: int
    calendar: Calendar
    floor: Floor
    supervisors: list[Agent]
    calls_per_day: int
    ledger: Ledger = field(default_factory=Ledger)
    records: list[CallRecord] = field(default_factory=list)
    _row_ids: dict[str, count[int]] = field(default_factory=dict)
    _recent_callers: list[Customer] = field(default_factory=list)

    @property
    def now(self) -> int:
        """Epoch seconds of the simulated instant."""
        return self.env.now

    def row_id(self, array: str) -> int:
        """The next id of an array's rows: unique over all calls."""
        numbers = self._row_ids.get(array)
        if numbers is None:
            numbers = self._row_ids[array] = count(1001 + 100_000 * len(self._row_ids))
        return next(numbers)

    def target(self, queue: Queue, at: int) -> Target:
        """The queue's target at an instant."""
        if queue.later_target and at >= self.start + TARGET_CHANGE_DAYS * 86_400:
            return queue.later_target
        return queue.target

    def caller(self, rng: Random) -> Customer:
        """A caller: a new one, or somebody who called recently."""
        recent = self._recent_callers
        if recent and rng.random() < chances.REPEAT_CALLER_SHARE:
            return recent[rng.randrange(len(recent))]
        pool = max(50, self.calls_per_day * chances.CUSTOMERS_PER_DAILY_CALL)
        customer = Customer(50_001 + rng.randrange(pool))
        recent.append(customer)
        if len(recent) > max(20, self.calls_per_day * 2):
            recent.pop(0)
        return customer

    def open_call(
        self,
        rng: Random,
        call_type: str,
        queue: Queue | None,
        customer: Customer,
        *,
        rare: str = "",
        parent_id: int | None = None,
        menu: bool = False,
    ) -> LiveCall:
        """Create a call. The calling code sets its first status at once."""
        record = CallRecord(
            call_id=FIRST_CALL_ID + len(self.records),
            parent_id=parent_id,
            call_type=call_type,
            queue=queue,
            customer=customer,
            salt=rng.getrandbits(62),
            created_at=self.now,
            offer_type="cascade" if rng.random() < 0.7 else None,
        )
        self.records.append(record)
        self.ledger.opened(
            CallTruth(
                call_id=record.call_id,
                parent_id=parent_id,
                call_type=call_type,
                direction=direction(call_type),
                customer_id=customer.customer_id,
                entered_menu=menu,
                created_at=instant(self.now),
                status="selecting",
                fail_reason="nothing",
                ended_at=None,
                changed_at=instant(self.now),
            )
        )
        return LiveCall(record, rng, rare)

    def status(self, call: LiveCall, status: str, *, at: int = 0, **fields: Any) -> None:
        """Set the call's status from now (or `at`) on, with other fields that change with it."""
        when = at or self.now
        call.record.set(when, status=status, **fields)
        self.ledger.status(call.call_id, when, status)

    def end(self, call: LiveCall, status: str, **fields: Any) -> None:
        """End the call now, without an error."""
        now = self.now
        call.ended_at = now
        call.record.set(now, status=status, ends_at=now, **fields)
        self.ledger.status(call.call_id, now, status, ended=True)

    def fail(self, call: LiveCall, reason: str) -> None:
        """End the call now, with a documented fail reason."""
        now = self.now
        call.ended_at = now
        for escalation in call.record.escalations:
            escalation.failed_at = 0 if escalation.escalated_at else now
        by_caller = reason.startswith("eu_")
        call.record.set(
            now,
            status="failed",
            ends_at=now,
            fail_reason=reason,
            adapter_fail_code=adapter_code(reason, call.rng),
            disconnected_by="disconnected_by_end_user" if by_caller else "disconnected_by_unknown",
        )
        self.ledger.status(call.call_id, now, "failed", ended=True, fail_reason=reason)
