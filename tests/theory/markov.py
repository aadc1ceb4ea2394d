"""Centres that queueing theory can solve: M/M/n and M/M/n+M, many independent replications side by side.

A scenario and a seed → a `Centre` whose calls the platform, the loader and the marts take for any other's. Each
replication is a queue of its own with agents of its own, on the simulator's own floor: the same waiting, matching
and writing down as in a busy centre, but nothing that theory leaves out (menus, ringing, transfers, shifts).

Two things save time without touching what is measured:

- Calls of the warm-up, from an empty queue to its steady state, are not written down.
- Of the calls after it one in `WRITTEN_EVERY` is, drawn by lot. The others wait, hang up and keep agents busy just
  the same. Calls close behind each other wait alike and tell little more than one of them would; calls drawn by lot
  from a Poisson stream see what an average caller sees, and are nearly independent.

The API has whole seconds, so instants and durations are rounded to them; see `ROUNDING_SECONDS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import simpy

from simulator.centre import Centre
from simulator.centre.arrivals import IVR
from simulator.centre.calendar import Calendar
from simulator.centre.floor import Floor, Wait
from simulator.centre.legs import close, connect
from simulator.centre.people import Agent, hire
from simulator.centre.queues import Queue, Target
from simulator.centre.waiting import ABANDONED, Limits, Waited, wait_in_queue
from simulator.centre.world import Process, World
from tests.theory.erlang import ErlangA, ErlangC

START = datetime(2026, 3, 2, tzinfo=UTC)
WRITTEN_EVERY = 6
ROUNDING_SECONDS = 0.5
"""A wait of up to half a second more than T is a wait of T in whole seconds: theory is asked for T and a half."""

_WARM_UP_HANDLE_TIMES = 30
_FOR_EVER_HANDLE_TIMES = 50
_TALK_SHARE = 0.7
"""Of the handle time; the rest is wrap-up."""


@dataclass(frozen=True)
class Scenario:
    """One queueing system. `load` in erlangs; without `patience_seconds` nobody hangs up."""

    name: str
    agents: int
    load: float
    handle_seconds: float
    patience_seconds: float | None
    target: Target

    @property
    def theory(self) -> ErlangC | ErlangA:
        """What must come out."""
        if self.patience_seconds is None:
            return ErlangC(self.agents, self.load, self.handle_seconds)
        return ErlangA(self.agents, self.load, self.handle_seconds, self.patience_seconds)

    @property
    def calls_a_second(self) -> float:
        """All calls, written down or not."""
        return self.load / self.handle_seconds


@dataclass(frozen=True, slots=True)
class Passed:
    """How a wait ended that was not written down."""

    wait_seconds: int
    answered: bool


@dataclass(frozen=True)
class Replication:
    """One run of a scenario: a queue. Its calls of `[opens, closes)` (epoch seconds) are measured."""

    scenario: Scenario
    queue: Queue
    opens: int
    closes: int
    unwritten: list[Passed] = field(default_factory=list)


@dataclass(frozen=True)
class Theoretical:
    """The centre, and which of its queues is a run of what."""

    centre: Centre
    replications: tuple[Replication, ...]


def simulate(seed: int, scenarios: Sequence[Scenario], replications: int, calls: int) -> Theoretical:
    """Run each scenario so many times; each run writes down about so many calls."""
    start = int(START.timestamp())
    runs = []
    for scenario in scenarios:
        warm = start + round(_WARM_UP_HANDLE_TIMES * scenario.handle_seconds)
        over = warm + round(calls * WRITTEN_EVERY / scenario.calls_a_second)
        for number in range(replications):
            queue = _queue(1 + len(runs), scenario, number)
            runs.append(Replication(scenario, queue, warm, over))
    staff, supervisors = hire(seed, sum(run.scenario.agents for run in runs))
    skills = (run.queue.queue_id for run in runs for _ in range(run.scenario.agents))
    agents = [replace(agent, queue_ids=(skill,)) for agent, skill in zip(staff, skills, strict=True)]
    env = simpy.Environment(initial_time=start)
    calendar = Calendar(ZoneInfo("UTC"))
    floor = Floor(env, tuple(run.queue for run in runs), agents)
    world = World(env, seed, start, calendar, floor, supervisors, calls_per_day=1000)
    for agent in agents:
        floor.arrive(agent)
    for run in runs:
        env.process(_arrivals(world, run))
    env.run()
    for record in world.records:
        record.seal()
    people: list[Agent] = [*agents, *supervisors]
    end = START + timedelta(seconds=max(run.closes for run in runs) - start)
    return Theoretical(Centre(world.records, world.ledger, people, START, end, calendar), tuple(runs))


def _queue(queue_id: int, scenario: Scenario, number: int) -> Queue:
    return Queue(queue_id, (scenario.name, str(number)), (1, queue_id), "en", scenario.target, 1.0)


def _arrivals(world: World, run: Replication) -> Process:
    """A Poisson process; rounded once, so that roundings do not add up."""
    scenario, rng = run.scenario, Random(f"{world.seed}:queue:{run.queue.queue_id}")
    at = float(world.start)
    while True:
        at += rng.expovariate(scenario.calls_a_second)
        if round(at) >= run.closes:
            return
        yield world.env.timeout(round(at) - world.now)
        handle = max(2, round(rng.expovariate(1 / scenario.handle_seconds)))
        patience = _patience(scenario, rng)
        if world.now >= run.opens and rng.random() * WRITTEN_EVERY < 1:
            world.env.process(_call(world, run.queue, rng, patience, handle))
        else:
            _unwritten(world, run, patience, handle)


def _patience(scenario: Scenario, rng: Random) -> int:
    if scenario.patience_seconds is None:
        return round(_FOR_EVER_HANDLE_TIMES * scenario.handle_seconds)
    return max(1, round(rng.expovariate(1 / scenario.patience_seconds)))  # 0 would hang up on a free agent


def _call(world: World, queue: Queue, rng: Random, patience: int, handle: int) -> Process:
    call = world.open_call(rng, IVR, queue, world.caller(rng))
    waited: Waited = yield from wait_in_queue(
        world, call, queue, Limits(patience, ABANDONED, auto_answer=True)
    )
    if waited.leg is None:
        world.fail(call, waited.reason)
        return
    party = connect(world, call, waited.leg)
    talk = max(1, round(handle * _TALK_SHARE))
    yield world.env.timeout(talk)
    close(world, call, waited.leg, party, world.now, 0, wrap_up=handle - talk)
    world.end(call, "finished")


def _unwritten(world: World, run: Replication, patience: int, handle: int) -> None:
    """By callbacks: most calls are such, and a process of their own would double their cost."""
    floor, env = world.floor, world.env
    wait = Wait(env, run.queue, world.now + patience, None, True)

    def ended(signal: simpy.Event) -> None:
        agent = signal.value
        if agent is None:
            floor.leave(wait)
        else:
            floor.release_after(agent, handle)
        if wait.joined_at >= run.opens:
            run.unwritten.append(Passed(world.now - wait.joined_at, agent is not None))

    floor.join(wait).callbacks.append(ended)
