"""One wait in one queue: joining, ringing, and all outcomes.

A call and a queue → `Waited`: answered by an agent, or the reason it was not. Writes the queue row,
and the truth of the wait as soon as the API shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.centre import chances
from simulator.centre.arrivals import SCHEDULED_APP, direction
from simulator.centre.failures import adapter_code
from simulator.centre.floor import Wait
from simulator.centre.people import Agent
from simulator.centre.queues import Queue, Target
from simulator.centre.record import Participant, QueueRow, TransferRow
from simulator.centre.truth import QueueSegmentTruth, instant
from simulator.centre.world import Leg, LiveCall, Process, World

ABANDONED = "eu_abandoned"
ABANDONED_RINGING = "eu_canceled"

FLOW_OUTS = ("voicemail", "callback", "deflected")


@dataclass(slots=True)
class Waited:
    """The end of a wait: `leg` if answered, else `reason`, a fail reason or one of `FLOW_OUTS`."""

    leg: Leg | None
    reason: str = ""


@dataclass(slots=True)
class Limits:
    """How long a caller waits at most, what happens then, and how the agent is reached.

    `auto_answer`: the agent's phone connects without ringing."""

    seconds: int
    then: str
    transfer: TransferRow | None = None
    only: Agent | None = None
    dial: bool = False
    auto_answer: bool = False
    reachable: bool = True
    came_from: Agent | None = None


def wait_in_queue(world: World, call: LiveCall, queue: Queue, limits: Limits) -> Process:
    """Wait until the call is answered, abandoned or failed. The process's value is a `Waited`."""
    entered_at = world.now
    target = world.target(queue, entered_at)
    first = limits.transfer is None
    if first:
        fields = {} if _was_queued(call) else {"queued_at": entered_at}
        world.status(call, "queued", **fields)
    wait = Wait(world.env, queue, entered_at + max(0, limits.seconds), limits.only, limits.reachable)
    ignored = 0
    leg: Leg | None = None
    reason = ""
    while leg is None and not reason:
        call.record.offers.append(world.now)
        call.record.touch(world.now)
        agent = yield world.floor.join(wait, again=ignored > 0)
        if agent is None:
            world.floor.leave(wait)
            reason = limits.then
            break
        _assigned(world, call, limits)
        ringing_since = world.now
        reason = "" if limits.auto_answer else (yield from _ring(world, call, agent, wait, limits))
        if reason == "ag_ignored":
            ignored += 1
            if ignored < chances.MOST_IGNORED_RINGS and not (_must_ignore(call.rare, first) and ignored > 1):
                reason = ""
                if first:
                    world.status(call, "queued")
        elif not reason:
            ring_seconds = world.now - ringing_since
            leg = Leg(agent, queue, target, entered_at, world.now, ring_seconds, limits.transfer)
            leg.came_from = limits.came_from
            if limits.dial:
                leg.bcw_seconds = min(ring_seconds - 1, call.rng.randint(0, 6))
                leg.ring_seconds -= leg.bcw_seconds
    _write(world, call, queue, target, entered_at, limits, leg, reason)
    return Waited(leg, reason)


def _was_queued(call: LiveCall) -> bool:
    return any(key == "queued_at" for _, key, _ in call.record.changes)


def _assigned(world: World, call: LiveCall, limits: Limits) -> None:
    now = world.now
    if limits.transfer is not None:
        limits.transfer.assigned_at = now
        call.record.touch(now)
        return
    fields = {} if call.assigned else {"assigned_at": now}
    call.assigned = True
    world.status(call, "assigned", **fields)


def _ring(world: World, call: LiveCall, agent: Agent, wait: Wait, limits: Limits) -> Process:
    """Ring an agent (who, for a dialled call, then rings the caller): "" or why it did not connect."""
    env, rng, rare = world.env, call.rng, call.rare
    first = limits.transfer is None
    seconds = chances.ring(rng) + (rng.randint(4, 20) if limits.dial else 0)
    ignores = limits.only is None and (_must_ignore(rare, first) or rng.random() < chances.IGNORE_SHARE)
    if ignores:
        seconds = chances.RING_OUT_SECONDS
    left = wait.deadline - world.now
    cancels = limits.then == ABANDONED and (
        left < seconds or (rare == "ring_cancel" and first and not ignores)
    )
    if first and seconds > 1 and (not cancels or left > 1):
        world.status(call, "connecting", at=world.now + 1)
    if cancels:
        yield env.timeout(max(1, min(left, seconds)))
        world.floor.release(agent)
        return ABANDONED_RINGING
    yield env.timeout(seconds)
    if ignores:
        world.floor.release_after(agent, chances.IGNORED_AGENT_PAUSE_SECONDS)
        _failed_participant(world, call, agent, "ag_ignored")
        return "ag_ignored"
    failure = _connection_failure(call, limits)
    if failure:
        world.floor.release_after(agent, rng.randint(2, 10))
        _failed_participant(world, call, agent, failure)
        return failure
    if rare == "switching" and first:
        world.status(call, "switching", voip_provider="voip_provider_nexmo")
        yield env.timeout(rng.randint(2, 6))
        world.status(call, "connecting")
        yield env.timeout(2)
    return ""


def _must_ignore(rare: str, first: bool) -> bool:
    return rare == ("ignore_all" if first else "transfer:ag_ignored")


def _connection_failure(call: LiveCall, limits: Limits) -> str:
    kind, _, reason = call.rare.partition(":")
    if limits.transfer is not None:
        return reason if kind == "transfer" and reason.startswith("voip") else ""
    if kind == "connect":
        return reason
    if limits.dial:
        return chances.dial_result(call.rng, app=call.record.call_type == SCHEDULED_APP)
    return ""


def _failed_participant(world: World, call: LiveCall, agent: Agent, reason: str) -> None:
    party = Participant(world.row_id("participants"), "agent", world.now, 0, agent, world.now)
    party.fail_reason = reason
    party.adapter_code = adapter_code(reason, call.rng)
    call.record.participants.append(party)
    call.record.touch(world.now)


def _write(
    world: World,
    call: LiveCall,
    queue: Queue,
    target: Target,
    entered_at: int,
    limits: Limits,
    leg: Leg | None,
    reason: str,
) -> None:
    now = world.now
    row = QueueRow(
        row_id=world.row_id("queue_durations"),
        queue=queue,
        target=target,
        agent_id=leg.agent.agent_id if leg else None,
        started_at=entered_at,
        ended_at=now,
        verdict=_verdict(call, leg is not None, reason, now - entered_at, target),
        transfer=limits.transfer,
        answered=leg is not None,
    )
    call.record.queue_rows.append(row)
    call.record.touch(now)
    if leg is None:
        write_wait(world, call, queue, target, entered_at, limits.transfer, _outcome(reason), reason)
    elif limits.transfer is not None:
        write_wait(
            world, call, queue, target, entered_at, limits.transfer, "answered", "", leg.agent.agent_id
        )


def write_wait(
    world: World,
    call: LiveCall,
    queue: Queue,
    target: Target,
    entered_at: int,
    transfer: TransferRow | None,
    outcome: str,
    reason: str = "",
    agent_id: int | None = None,
    ended_at: int = 0,
    known_at: int = 0,
) -> None:
    """The truth of a wait that ended at `ended_at` and is known from `known_at` on; 0: now."""
    ended = ended_at or world.now
    world.ledger.queue_segments.append(
        QueueSegmentTruth(
            call_id=call.call_id,
            transfer_id=transfer.row_id if transfer else None,
            queue_id=queue.queue_id,
            queue_name=queue.path,
            language=queue.language,
            call_type=call.record.call_type,
            direction=direction(call.record.call_type),
            entered_at=instant(entered_at),
            ended_at=instant(ended),
            wait_seconds=ended - entered_at,
            outcome=outcome,
            is_ringing_abandon=reason == ABANDONED_RINGING,
            agent_id=agent_id,
            target_seconds=target.seconds,
            target_percent=target.percent,
            abandon_threshold_seconds=target.abandon_threshold_seconds,
            known_at=instant(known_at or world.now),
        )
    )


def _outcome(reason: str) -> str:
    if reason in (ABANDONED, ABANDONED_RINGING):
        return "abandoned"
    return "flowed_out" if reason in FLOW_OUTS else "failed"


def _verdict(call: LiveCall, answered: bool, reason: str, seconds: int, target: Target) -> str:
    """The vendor's verdict, which occasionally differs from the numbers."""
    wrong = call.rng.random() < chances.WRONG_VERDICT_SHARE
    if answered:
        return "in_sla" if (seconds <= target.seconds) != wrong else "not_in_sla"
    if reason in (ABANDONED, ABANDONED_RINGING) and seconds > target.abandon_threshold_seconds:
        return "excluded" if wrong or seconds <= target.seconds else "not_in_sla"
    return "excluded"
