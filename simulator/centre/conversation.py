"""Talking: legs of a call with agents, transfers between them, and supervisors listening in.

A connected leg → the call's end. `legs` records a leg.
"""

from __future__ import annotations

from simulator.centre import chances
from simulator.centre.aftermath import after_call
from simulator.centre.legs import close, connect
from simulator.centre.people import PAYMENT_AGENT, VIRTUAL_AGENTS
from simulator.centre.queues import BY_ID, TRANSFER_TARGETS
from simulator.centre.record import Participant, Span, TransferRow, VirtualAgentRow
from simulator.centre.truth import TransferTruth, VirtualAgentTruth, instant
from simulator.centre.waiting import ABANDONED, Limits, Waited, wait_in_queue
from simulator.centre.world import Leg, LiveCall, Process, World


def converse(world: World, call: LiveCall, leg: Leg, *, at_least: int = 0) -> Process:
    """Talk until the call ends, through all its transfers. `at_least`: seconds this leg must last."""
    rng = call.rng
    party = connect(world, call, leg)
    median = leg.queue.talk_seconds if leg.queue else 140
    seconds = max(at_least, chances.around(rng, median, 0.65, 8, 3600))
    kind, _, reason = call.rare.partition(":")
    if kind == "drop" and leg.transfer is None:
        yield world.env.timeout(rng.randint(3, seconds))
        close(world, call, leg, party, world.now, 0)
        world.fail(call, reason)
        after_call(world, call, talked=True)
        return
    if not _wants_transfer(call, leg):
        yield world.env.timeout(seconds)
        _payment(world, call, leg)
        close(world, call, leg, party, world.now, chances.hold(rng, seconds))
        _hang_up(world, call)
        return
    before = max(at_least, 8, seconds // 2)
    yield world.env.timeout(before)
    held = chances.hold(rng, before)
    if _to_machine(call, leg):
        close(world, call, leg, party, world.now, held)
        yield from _talk_to_machine(world, call, leg)
        _hang_up(world, call)
    elif rng.random() < chances.COLD_SHARE:
        yield from _cold(world, call, leg, party, held)
    else:
        yield from _warm(world, call, leg, party, held)


def _wants_transfer(call: LiveCall, leg: Leg) -> bool:
    if leg.queue is None or call.transfers >= chances.MOST_TRANSFERS:
        return False
    if call.rare.startswith("transfer:") and call.transfers == 0:
        return True
    share = chances.SECOND_TRANSFER_SHARE if call.transfers else chances.TRANSFER_SHARE
    return call.rng.random() < share


def _cold(world: World, call: LiveCall, leg: Leg, party: Participant, held: int) -> Process:
    """The agent leaves at once. A caller who is not answered then is lost."""
    close(world, call, leg, party, world.now, held)
    waited: Waited = yield from _pass_on(world, call, leg, cold=True)
    if waited.leg is not None:
        yield from converse(world, call, waited.leg)
        return
    world.fail(call, waited.reason)
    after_call(world, call, talked=True)


def _warm(world: World, call: LiveCall, leg: Leg, party: Participant, held: int) -> Process:
    """The agent waits with the caller on hold, introduces the next agent, then leaves."""
    asked_at = world.now
    waited: Waited = yield from _pass_on(world, call, leg, cold=False)
    held += world.now - asked_at
    if waited.leg is not None:
        together = call.rng.randint(4, 30)
        close(world, call, leg, party, world.now + together, held)
        yield from converse(world, call, waited.leg, at_least=together + 5)
        return
    if waited.reason.startswith("eu_"):
        close(world, call, leg, party, world.now, held)
        world.fail(call, waited.reason)
        after_call(world, call, talked=True)
        return
    yield world.env.timeout(call.rng.randint(15, 120))  # nobody answered: back to the first agent
    close(world, call, leg, party, world.now, held)
    _hang_up(world, call)


def _pass_on(world: World, call: LiveCall, leg: Leg, *, cold: bool) -> Process:
    """Wait for the next agent. The result is how the wait ended."""
    rng, now = call.rng, world.now
    assert leg.queue is not None  # calls that agents dialled are not passed on
    call.transfers += 1
    back = leg.came_from if leg.came_from and rng.random() < chances.BACK_TO_FIRST_SHARE else None
    targets = [q for q in TRANSFER_TARGETS[leg.queue.language] if q != leg.queue.queue_id]
    to_queue = leg.queue if back else BY_ID[rng.choice(targets)]
    transfer = TransferRow(world.row_id("transfers"), now, cold, leg.agent, leg.queue, to_queue)
    call.record.transfers.append(transfer)
    call.record.touch(now)
    reason = call.rare.partition(":")[2] if call.rare.startswith("transfer:") else ""
    reachable = reason != "expired"
    seconds = rng.randint(*chances.TRANSFER_WAIT_SECONDS)
    then = "expired" if not reachable or (not cold and rng.random() < 0.7) else ABANDONED
    limits = Limits(seconds, then, transfer, back, reachable=reachable, came_from=leg.agent)
    waited: Waited = yield from wait_in_queue(world, call, to_queue, limits)
    if waited.leg is not None:
        transfer.connected_at = world.now
        transfer.to_agent = waited.leg.agent
    else:
        transfer.failed_at = world.now
        transfer.fail_reason = waited.reason
    call.record.touch(world.now)
    if waited.leg is not None:
        outcome = "answered"
    else:
        outcome = "abandoned" if waited.reason in (ABANDONED, "eu_canceled") else "failed"
    _write_transfer(world, call, transfer, outcome)
    return waited


def _write_transfer(world: World, call: LiveCall, transfer: TransferRow, outcome: str) -> None:
    world.ledger.transfers.append(
        TransferTruth(
            call_id=call.call_id,
            transfer_id=transfer.row_id,
            cold=transfer.cold,
            from_agent_id=transfer.from_agent.agent_id,
            to_agent_id=transfer.to_agent.agent_id if transfer.to_agent else None,
            from_queue_id=transfer.from_queue.queue_id,
            to_queue_id=transfer.to_queue.queue_id,
            created_at=instant(transfer.created_at),
            outcome=outcome,
            known_at=instant(world.now),
        )
    )


def _to_machine(call: LiveCall, leg: Leg) -> bool:
    return leg.queue is not None and leg.queue.language in VIRTUAL_AGENTS and call.rng.random() < 0.06


def _talk_to_machine(world: World, call: LiveCall, leg: Leg) -> Process:
    """A cold transfer to a virtual agent: connected at once, no queue."""
    rng, now = call.rng, world.now
    assert leg.queue is not None
    machine = VIRTUAL_AGENTS[leg.queue.language]
    call.transfers += 1
    transfer = TransferRow(world.row_id("transfers"), now, True, leg.agent, leg.queue, leg.queue)
    transfer.to_virtual_agent = machine
    transfer.assigned_at = transfer.connected_at = now
    call.record.transfers.append(transfer)
    call.record.touch(now)
    _write_transfer(world, call, transfer, "answered")
    party = Participant(world.row_id("participants"), "virtual_agent", now, now, machine)
    call.record.participants.append(party)
    yield world.env.timeout(rng.randint(15, 90))
    party.ended_at = transfer.ended_at = world.now
    call.record.touch(world.now)
    call.record.virtual_agents.append(
        VirtualAgentRow(
            world.row_id("virtual_agent_handle_durations"), machine, leg.queue, now, world.now, None,
            "resolved", rng.randint(20, 95), rng.randint(2, 9), rng.randint(0, 2), transfer,
        )
    )  # fmt: skip
    world.ledger.virtual_agent_sessions.append(
        VirtualAgentTruth(
            call.call_id,
            machine.virtual_agent_id,
            instant(now),
            instant(world.now),
            False,
            instant(world.now),
        )
    )


def _hang_up(world: World, call: LiveCall) -> None:
    by = call.rng.choices(("end_user", "agent", "unknown"), (60, 35, 5))[0]
    call.succeeded = True
    world.end(call, "finished", disconnected_by=f"disconnected_by_{by}", finish_reason="no_reason")
    after_call(world, call, talked=True)


def _payment(world: World, call: LiveCall, leg: Leg) -> None:
    """Some callers pay during the conversation, with the task virtual agent."""
    rng = call.rng
    seconds = world.now - leg.connected_at
    if leg.queue is None or seconds < 90 or rng.random() >= 0.03:
        return
    took = rng.randint(20, 60)
    ended_at = world.now - rng.randint(5, seconds - took - 5)
    event = "finished" if rng.random() < 0.85 else "abandoned"
    call.record.spans.append(
        Span(world.row_id("consumer_event_durations"), "payment", event, ended_at - took, ended_at)
    )
    party = Participant(
        world.row_id("participants"), "task_virtual_agent", world.now, ended_at - took, PAYMENT_AGENT
    )
    party.ended_at = ended_at
    call.record.participants.append(party)
