"""The records of an agent's part in a call: participant, talk and wrap-up rows, and their truth.

A leg and its end → rows and facts. The truth of a first wait is written here too, because only the talk row shows in
the API that it was answered.
"""

from __future__ import annotations

from simulator.centre import chances
from simulator.centre.arrivals import direction
from simulator.centre.failures import adapter_code
from simulator.centre.record import HandleRow, Participant
from simulator.centre.truth import HandledSegmentTruth, instant
from simulator.centre.waiting import write_wait
from simulator.centre.world import Leg, LiveCall, World


def connect(world: World, call: LiveCall, leg: Leg) -> Participant:
    """The conversation begins now."""
    now = world.now
    fields = {} if call.connected else {"connected_at": now}
    call.connected = True
    if leg.transfer is None:
        world.status(call, "connected", **fields)
    party = Participant(world.row_id("participants"), "agent", now, now, leg.agent)
    call.record.participants.append(party)
    call.record.touch(now)
    for escalation in call.record.escalations:
        if not escalation.escalated_at:
            escalation.escalated_at, escalation.to_agent = now, leg.agent
    return party


def close(
    world: World,
    call: LiveCall,
    leg: Leg,
    party: Participant,
    ended_at: int,
    held: int,
    wrap_up: int | None = None,
) -> None:
    """The agent leaves the conversation at `ended_at` (now or soon), wraps up, and is free again.

    `wrap_up` (seconds) is random by default."""
    rng, record = call.rng, call.record
    seconds = ended_at - leg.connected_at
    wrap_up = chances.wrap_up(rng) if wrap_up is None else wrap_up
    party.ended_at, party.hold_seconds = ended_at, held
    if leg.transfer is not None:
        leg.transfer.ended_at = ended_at
    row = HandleRow(
        row_id=world.row_id("handle_durations"),
        agent_id=leg.agent.agent_id,
        queue=leg.queue,
        started_at=leg.connected_at,
        call_seconds=seconds,
        hold_seconds=held,
        acw_seconds=0,
        bcw_seconds=leg.bcw_seconds,
        ring_seconds=leg.ring_seconds,
        barged=False,
        transfer=leg.transfer,
        shown_at=ended_at,
        scheduled_at=call.scheduled_at,
    )
    record.handle_rows.append(row)
    record.touch(ended_at)
    if wrap_up and rng.random() < chances.ACW_IN_TALK_ROW_SHARE:
        row.acw_seconds, row.acw_at = wrap_up, ended_at + wrap_up
        record.touch(row.acw_at)
    elif wrap_up:
        record.handle_rows.append(_wrap_up_row(world, leg, ended_at, wrap_up))
        record.touch(ended_at + wrap_up)
    world.floor.release_after(leg.agent, ended_at - world.now + wrap_up)
    _write_handled(world, call, leg, ended_at, held, wrap_up)
    if leg.transfer is None and leg.queue is not None and leg.target is not None:
        for queue_row in record.queue_rows:
            queue_row.settled_at = queue_row.settled_at or ended_at
        write_wait(
            world, call, leg.queue, leg.target, leg.entered_at, None, "answered", "", leg.agent.agent_id,
            leg.connected_at, ended_at,
        )  # fmt: skip
    _barge(world, call, leg, ended_at)
    if rng.random() < 0.6:
        number = rng.randint(1, 12)
        record.add(
            ended_at + wrap_up,
            "dispositions",
            number,
            leg.agent.agent_id,
            leg.transfer,
            party.row_id,
            rng.random() < 0.15,
        )


def dial_failed(world: World, call: LiveCall, leg: Leg, reason: str) -> None:
    """Nobody picked up a call the agent dialled: a wrap-up row at most."""
    party = Participant(world.row_id("participants"), "agent", world.now, 0, leg.agent, world.now)
    party.fail_reason, party.adapter_code = reason, adapter_code(reason, call.rng)
    call.record.participants.append(party)
    world.fail(call, reason)
    wrap_up = call.rng.choice((0, 0, 4, 9, 15))
    if wrap_up:
        call.record.handle_rows.append(_wrap_up_row(world, leg, world.now, wrap_up))
        call.record.touch(world.now + wrap_up)
        _write_handled(world, call, leg, world.now, 0, wrap_up, talked=False)
    world.floor.release_after(leg.agent, wrap_up)


def _wrap_up_row(world: World, leg: Leg, started_at: int, seconds: int) -> HandleRow:
    """A row of nothing but wrap-up."""
    row_id = world.row_id("handle_durations")
    ended_at = started_at + seconds
    return HandleRow(
        row_id, leg.agent.agent_id, leg.queue, started_at, 0, 0, seconds, 0, 0, False, leg.transfer, ended_at
    )


def _write_handled(
    world: World, call: LiveCall, leg: Leg, ended_at: int, held: int, wrap_up: int, *, talked: bool = True
) -> None:
    """The truth of an agent's part. Not `talked`: nobody picked up, and only wrap-up remains."""
    world.ledger.handled_segments.append(
        HandledSegmentTruth(
            call_id=call.call_id,
            agent_id=leg.agent.agent_id,
            transfer_id=leg.transfer.row_id if leg.transfer else None,
            barged=False,
            queue_id=leg.queue.queue_id if leg.queue else None,
            call_type=call.record.call_type,
            direction=direction(call.record.call_type),
            started_at=instant(leg.connected_at),
            ended_at=instant(ended_at),
            talk_seconds=ended_at - leg.connected_at - held,
            hold_seconds=held,
            acw_seconds=wrap_up,
            bcw_seconds=leg.bcw_seconds if talked else 0,
            ring_seconds=leg.ring_seconds if talked else 0,
            known_at=instant(ended_at if talked else ended_at + wrap_up),
            acw_known_at=instant(ended_at + wrap_up) if wrap_up else None,
        )
    )


def _barge(world: World, call: LiveCall, leg: Leg, ended_at: int) -> None:
    """A supervisor listens in for a part of the leg."""
    rng = call.rng
    seconds = ended_at - leg.connected_at
    forced = call.rare == "barge" and leg.transfer is None
    if seconds < 6 or not (forced or rng.random() < chances.BARGE_SHARE):
        return
    supervisor = rng.choice(world.supervisors)
    joined_at = leg.connected_at + seconds // 3
    left_at = rng.randint(joined_at + 1, ended_at)
    call.record.handle_rows.append(
        HandleRow(
            world.row_id("handle_durations"), supervisor.agent_id, leg.queue, joined_at, left_at - joined_at, 0,
            0, 0, 0, True, leg.transfer, left_at,
        )
    )  # fmt: skip
    party = Participant(world.row_id("participants"), "agent", left_at, joined_at, supervisor, left_at)
    call.record.participants.append(party)
    call.record.touch(max(left_at, world.now))
    call.record.handle_rows[-1].shown_at = max(left_at, world.now)
    world.ledger.handled_segments.append(
        HandledSegmentTruth(
            call.call_id, supervisor.agent_id, leg.transfer.row_id if leg.transfer else None, True,
            leg.queue.queue_id if leg.queue else None, call.record.call_type, direction(call.record.call_type),
            instant(joined_at), instant(left_at), left_at - joined_at, 0, 0, 0, 0,
            instant(max(left_at, world.now)), None,
        )
    )  # fmt: skip
