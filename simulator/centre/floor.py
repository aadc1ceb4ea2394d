"""The floor: assigns waiting calls to free agents.

A call goes to the agent who has been free longest; an agent takes the call that has waited longest in the agent's
queues. Event-driven: a match is tried when a call joins and when an agent becomes free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import simpy

from simulator.centre.people import Agent
from simulator.centre.queues import Queue


class Wait:
    """A call waiting in a queue, from joining to leaving.

    `signal` fires with the `Agent` to ring, or with None when the caller's patience ran out. `only` is set if the
    call is for a particular agent; unanswered rings do not change `joined_at`.
    """

    __slots__ = ("deadline", "env", "joined_at", "only", "queue", "reachable", "signal", "waiting")

    def __init__(
        self, env: simpy.Environment, queue: Queue, deadline: int, only: Agent | None, reachable: bool
    ) -> None:
        self.env = env
        self.queue = queue
        self.joined_at = int(env.now)
        self.deadline = deadline
        self.only = only
        self.reachable = reachable
        self.waiting = False
        self.signal: Any = None
        timer = env.timeout(deadline - self.joined_at)
        timer.callbacks.append(self._give_up)

    def _give_up(self, _: object) -> None:
        if self.waiting:
            self.waiting = False
            self.signal.succeed(None)


class Floor:
    """All agents and all waiting calls of the centre."""

    def __init__(self, env: simpy.Environment, queues: tuple[Queue, ...], agents: list[Agent]) -> None:
        self._env = env
        self._waiting: dict[int, deque[Wait]] = {queue.queue_id: deque() for queue in queues}
        self._lengths: dict[int, int] = dict.fromkeys(self._waiting, 0)
        self._free: dict[Agent, None] = {}  # in the order of becoming free
        self._present: set[Agent] = set()
        self._busy: set[Agent] = set()
        self._skills = {agent: frozenset(agent.queue_ids) for agent in agents}

    def length(self, queue: Queue) -> int:
        """The number of calls waiting in the queue."""
        return self._lengths[queue.queue_id]

    def join(self, wait: Wait, *, again: bool = False) -> Any:
        """Join the queue and return the event to yield on. `again`: at the head, after an unanswered ring."""
        wait.signal = self._env.event()
        if wait.deadline <= self._env.now:
            wait.signal.succeed(None)
            return wait.signal
        agent = self._find_agent(wait) if wait.reachable else None
        if agent is not None:
            self._take(agent)
            wait.signal.succeed(agent)
            return wait.signal
        wait.waiting = True
        line = self._waiting[wait.queue.queue_id]
        if again:
            line.appendleft(wait)
        else:
            line.append(wait)
        self._lengths[wait.queue.queue_id] += 1
        return wait.signal

    def leave(self, wait: Wait) -> None:
        """The caller gave up: the signal fired with None."""
        try:
            self._waiting[wait.queue.queue_id].remove(wait)
        except ValueError:
            return  # was ringing, not waiting
        self._lengths[wait.queue.queue_id] -= 1

    def arrive(self, agent: Agent) -> None:
        """The agent's shift begins, or a break ends."""
        self._present.add(agent)
        if agent not in self._busy:
            self._offer(agent)

    def go(self, agent: Agent) -> None:
        """The agent's shift ends, or a break begins. A running conversation is finished first."""
        self._present.discard(agent)
        self._free.pop(agent, None)

    def release(self, agent: Agent) -> None:
        """The agent is done with call and wrap-up."""
        self._busy.discard(agent)
        if agent in self._present:
            self._offer(agent)

    def release_after(self, agent: Agent, seconds: int) -> None:
        """Like `release`, after this many seconds."""
        if seconds <= 0:
            self.release(agent)
            return
        self._env.timeout(seconds).callbacks.append(lambda _: self.release(agent))

    def seize(self, queue_id: int | None = None) -> Agent | None:
        """Take the longest-free agent for an outbound call; None if nobody is free."""
        for agent in self._free:
            if queue_id is None or queue_id in self._skills[agent]:
                self._take(agent)
                return agent
        return None

    def _find_agent(self, wait: Wait) -> Agent | None:
        if wait.only is not None:
            return wait.only if wait.only in self._free else None
        queue_id = wait.queue.queue_id
        for agent in self._free:
            if queue_id in self._skills[agent]:
                return agent
        return None

    def _take(self, agent: Agent) -> None:
        self._free.pop(agent, None)
        self._busy.add(agent)

    def _offer(self, agent: Agent) -> None:
        best = min(self._first_waits(agent), key=lambda wait: wait.joined_at, default=None)
        if best is None:
            self._free[agent] = None
            return
        self._busy.add(agent)
        best.waiting = False
        self.leave(best)
        best.signal.succeed(agent)

    def _first_waits(self, agent: Agent) -> Iterator[Wait]:
        """The first call for the agent in each of the agent's queues."""
        for queue_id in agent.queue_ids:
            for wait in self._waiting[queue_id]:
                if wait.waiting and wait.reachable and wait.only in (None, agent):
                    yield wait
                    break
