"""The floor must never give one agent two callers, nor let a caller be overtaken."""

from __future__ import annotations

import simpy

from simulator.centre.floor import Floor, Wait
from simulator.centre.people import Agent
from simulator.centre.queues import QUEUES


def agent(agent_id: int) -> Agent:
    return Agent(agent_id, "Ada", "Abernoth", None, "Team", 1, (QUEUES[0].queue_id,), 8, ())


def floor_with(*agents: Agent) -> tuple[simpy.Environment, Floor]:
    env = simpy.Environment(initial_time=0)
    return env, Floor(env, QUEUES, list(agents))


def test_an_agent_back_from_a_break_got_a_second_caller_while_talking() -> None:
    ada = agent(1)
    env, floor = floor_with(ada)
    first, second = (Wait(env, QUEUES[0], 100, None, True) for _ in range(2))
    floor.join(first)
    floor.arrive(ada)  # takes the waiting caller
    assert first.signal.value is ada
    floor.go(ada)
    floor.arrive(ada)
    floor.join(second)
    assert not second.signal.triggered
    floor.release(ada)
    assert second.signal.value is ada


def test_a_caller_was_overtaken() -> None:
    ada = agent(1)
    env, floor = floor_with(ada)
    waits = [Wait(env, QUEUES[0], 100, None, True) for _ in range(3)]
    for wait in waits:
        floor.join(wait)
    assert floor.length(QUEUES[0]) == 3
    floor.arrive(ada)
    assert [wait.signal.triggered for wait in waits] == [True, False, False]
    assert floor.length(QUEUES[0]) == 2


def test_a_call_for_one_agent_went_to_another() -> None:
    ada, bruno = agent(1), agent(2)
    env, floor = floor_with(ada, bruno)
    wait = Wait(env, QUEUES[0], 100, bruno, True)
    floor.arrive(ada)
    floor.join(wait)
    assert not wait.signal.triggered
    floor.arrive(bruno)
    assert wait.signal.value is bruno


def test_a_caller_who_gave_up_was_still_given_an_agent() -> None:
    ada = agent(1)
    env, floor = floor_with(ada)
    wait = Wait(env, QUEUES[0], 5, None, True)
    floor.join(wait)
    env.run()
    assert env.now == 5 and wait.signal.value is None
    floor.leave(wait)
    floor.arrive(ada)
    assert floor.length(QUEUES[0]) == 0 and floor.seize() is ada
