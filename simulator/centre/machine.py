"""Virtual agents in front of a queue: contain the call, or ask for a person.

A call → whether it ended with the machine. Before any queue, so such a call's `connected_at`
precedes its `queued_at`.
"""

from __future__ import annotations

from simulator.centre.aftermath import after_call
from simulator.centre.people import VIRTUAL_AGENTS
from simulator.centre.record import Escalation, Participant, VirtualAgentRow
from simulator.centre.truth import VirtualAgentTruth, instant
from simulator.centre.world import LiveCall, Process, World

_CONTAINED_SHARE = 0.35
_REASONS = ("by_end_user_message", "by_virtual_agent", "by_consumer_dtmf")


def talk_first_to_machine(world: World, call: LiveCall) -> Process:
    """One session; the value is True when the call ended with it."""
    rng, record, queue = call.rng, call.record, call.queue
    machine = VIRTUAL_AGENTS[queue.language]
    started_at = world.now
    call.connected = True
    world.status(call, "connected", connected_at=started_at, virtual_agent=machine)
    party = Participant(world.row_id("participants"), "virtual_agent", started_at, started_at, machine)
    record.participants.append(party)
    yield world.env.timeout(rng.randint(15, 120))
    contained = rng.random() < _CONTAINED_SHARE
    reason = None if contained else rng.choice(_REASONS)
    party.ended_at = world.now
    record.touch(world.now)
    record.virtual_agents.append(
        VirtualAgentRow(
            row_id=world.row_id("virtual_agent_handle_durations"),
            virtual_agent=machine,
            queue=queue,
            started_at=started_at,
            ended_at=world.now,
            escalation_reason=reason,
            finish_reason="resolved" if contained else "escalated",
            sentiment=rng.randint(15, 98),
            responses=rng.randint(1, 14),
            fallbacks=rng.randint(0, 3),
        )
    )
    ended = instant(world.now)
    world.ledger.virtual_agent_sessions.append(
        VirtualAgentTruth(
            call.call_id, machine.virtual_agent_id, instant(started_at), ended, not contained, ended
        )
    )
    if contained:
        world.end(call, "finished", disconnected_by="disconnected_by_end_user", finish_reason="no_reason")
        after_call(world, call, talked=False)
        return True
    record.escalations.append(
        Escalation(world.row_id("escalations"), machine, queue, queue, world.now, str(reason))
    )
    return False
