"""A busy contact centre, simulated once, which can then be queried for any instant.

Seed, start, days → `Centre`, a `simulator.calls.CallSource` that also knows the truth. The same seed and start give the
same calls. A longer horizon adds calls and does not change earlier ones, up to the shorter horizon's end.
"""

from __future__ import annotations

import gc
import threading
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

import simpy

from simulator.calls import CallVersion
from simulator.centre.arrivals import call_times
from simulator.centre.calendar import Calendar
from simulator.centre.floor import Floor
from simulator.centre.journeys import arrive
from simulator.centre.people import Agent, hire
from simulator.centre.queues import QUEUES, Queue
from simulator.centre.record import CallRecord
from simulator.centre.render import Renderer
from simulator.centre.truth import Ledger, Truth, instant
from simulator.centre.world import FIRST_CALL_ID, Process, World

_DRAIN_DAYS = 8
"""How long shifts continue after the horizon, for appointments and call-backs made before it."""

_CALLS_PER_AGENT = 46
_FEWEST_AGENTS = 26

_SHIFT = 21
"""Bits of a call's index in a key of the version index: two million calls."""


class Centre:
    """The calls of a simulated centre at any instant. Can be read from several threads."""

    queues: tuple[Queue, ...] = QUEUES

    def __init__(
        self,
        records: list[CallRecord],
        ledger: Ledger,
        agents: list[Agent],
        start: datetime,
        end: datetime,
        calendar: Calendar,
    ) -> None:
        self.agents = agents
        self.start = start
        self.end = end
        self._records = records
        self._ledger = ledger
        self._renderer = Renderer(calendar)
        self._lock = threading.Lock()
        self._timeline = array(
            "q", sorted((at << _SHIFT) | i for i, r in enumerate(records) for at in r.instants)
        )
        self._position = 0
        self._second = -1
        self._current: dict[int, CallVersion] = {}
        self._answer: list[CallVersion] = []

    @classmethod
    def simulate(
        cls,
        seed: int,
        start: datetime,
        days: float = 14.0,
        calls_per_day: int = 2900,
        *,
        agents: int | None = None,
        time_zone: str = "America/New_York",
    ) -> Centre:
        """Let calls arrive in `[start, start + days)` and follow each to its end.

        `start` must have a zone and whole seconds. `calls_per_day` is the mean of a week without
        call-backs; by default `agents` is chosen to fit it. Opening hours, shifts and arrivals are in
        `time_zone`.
        """
        if start.tzinfo is None or start.microsecond:
            raise ValueError(f"start must have a time zone and whole seconds, not {start!r}")
        if days <= 0 or calls_per_day <= 0:
            raise ValueError(f"days and calls_per_day must be above 0, not {days} and {calls_per_day}")
        first = int(start.timestamp())
        last = first + round(days * 86_400)
        calendar = Calendar(ZoneInfo(time_zone))
        staff, supervisors = hire(seed, agents or max(_FEWEST_AGENTS, calls_per_day // _CALLS_PER_AGENT))
        env = simpy.Environment(initial_time=first)
        world = World(env, seed, first, calendar, Floor(env, QUEUES, staff), supervisors, calls_per_day)
        for agent in staff:
            env.process(_work(world, agent, last))
        env.process(_arrivals(world, last))
        env.run()
        for record in world.records:
            record.seal()
        utc = start.astimezone(UTC)
        people = [*staff, *supervisors]
        centre = cls(world.records, world.ledger, people, utc, utc + timedelta(days=days), calendar)
        del world, env
        gc.collect()
        gc.freeze()  # millions of small permanent objects: scanning them repeatedly took seconds
        return centre

    def __len__(self) -> int:
        return len(self._records)

    @property
    def last_change(self) -> datetime:
        """When the last record changed; nothing differs after it."""
        return instant(self._timeline[-1] >> _SHIFT) if self._timeline else self.start

    def call_ids(self) -> range:
        """Ids of all calls in the order of their creation."""
        return range(FIRST_CALL_ID, FIRST_CALL_ID + len(self._records))

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        """Every call that exists at `now`, once each, with its newest `updated_at` up to then.

        Fast if the clock moved on only a little, because only changes since then are processed.
        """
        second = floor(now.timestamp())
        with self._lock:
            if second != self._second:
                self._move(second)
                self._answer = list(self._current.values())
            return self._answer

    def body(self, call_id: int, now: datetime) -> dict[str, Any]:
        """The call in the API at `now`. Raises KeyError if there is no such call yet."""
        index = call_id - FIRST_CALL_ID
        if not 0 <= index < len(self._records):
            raise KeyError(call_id)
        record = self._records[index]
        seen = bisect_right(record.instants, floor(now.timestamp()))
        if not seen:
            raise KeyError(call_id)
        return self._renderer.body(record, record.instants[seen - 1])

    def truth(self, now: datetime) -> Truth:
        """What really happened, as far as the API can show it at `now`."""
        return self._ledger.as_of(now)

    def _move(self, second: int) -> None:
        position = bisect_right(self._timeline, ((second + 1) << _SHIFT) - 1)
        behind = position - self._position
        if second < self._second or behind > len(self._records):
            self._current = dict(self._all_at(second))
        else:
            mask = (1 << _SHIFT) - 1
            newest = {key & mask: key >> _SHIFT for key in self._timeline[self._position : position]}
            for index, at in newest.items():
                self._current[index] = CallVersion(FIRST_CALL_ID + index, instant(at))
        self._position, self._second = position, second

    def _all_at(self, second: int) -> Iterator[tuple[int, CallVersion]]:
        for index, record in enumerate(self._records):
            if record.created_at > second:
                return  # records are in the order of their start
            at = record.instants[bisect_right(record.instants, second) - 1]
            yield index, CallVersion(FIRST_CALL_ID + index, instant(at))


def _arrivals(world: World, end: int) -> Process:
    times = call_times(world.seed, world.calendar, world.start, end, world.calls_per_day)
    for number, at in enumerate(times):
        if at > world.now:
            yield world.env.timeout(at - world.now)
        arrive(world, number)


def _work(world: World, agent: Agent, end: int) -> Process:
    """The process of an agent, from shift to shift."""
    days = world.calendar.days(world.start, end + _DRAIN_DAYS * 86_400)
    for begins, ends in world.calendar.shifts(agent, world.seed, days):
        if ends <= world.now:
            continue
        if begins > world.now:
            yield world.env.timeout(begins - world.now)
        world.floor.arrive(agent)
        yield world.env.timeout(ends - world.now)
        world.floor.go(agent)
