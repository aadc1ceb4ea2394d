"""Ways out of the queue, or around it: voicemail, appointment, another number.

A call that cannot or will not wait → its last statuses. The wait writes the queue row, if there is one; this
module does what follows.
"""

from __future__ import annotations

from simulator.centre.aftermath import after_call
from simulator.centre.world import LiveCall, Process, World

_AFTER_HOURS = ("voicemail", "callback", "deflected", "hang_up")


def after_hours(world: World, call: LiveCall) -> Process:
    """The queue is closed: the caller is told so and offered other ways. No queue row."""
    kind = call.rng.choices(_AFTER_HOURS, (40, 25, 25, 10))[0]
    yield world.env.timeout(call.rng.randint(3, 12))
    if kind == "hang_up":
        _escalations_deflected(world, call, "after_hours")
        _deflected(world, call, "after_hours", "message")
        return
    yield from deflect(world, call, kind, "after_hours")


def deflect(world: World, call: LiveCall, kind: str, why: str) -> Process:
    """The caller takes another way; `why` is `after_hours` or `over_capacity`."""
    rng = call.rng
    _escalations_deflected(world, call, why)
    if kind == "deflected":
        _deflected(world, call, why, rng.choice(("phone_number", "message")))
        return
    _write(world, call, "voicemail" if kind == "voicemail" else "scheduled_call", why)
    if kind == "callback":
        queue = call.queue
        at = world.calendar.slot(queue, world.now + rng.randint(1200, 20_000), rng)
        world.end(call, "scheduled", deflection=why, scheduled_at=at, finish_reason="no_reason")
        after_call(world, call, talked=False)
        return
    world.status(call, "voicemail", deflection=why, voicemail_reason=why)
    started_at = world.now
    yield world.env.timeout(rng.randint(12, 90))
    world.end(call, "voicemail_received", finish_reason="no_reason")
    after_call(world, call, talked=False)
    call.record.add(
        world.now + rng.randint(5, 90), "recordings", world.row_id("recordings"), started_at,
        world.now - started_at, (), 0,
    )  # fmt: skip
    if rng.random() < 0.85:
        read_at = world.calendar.slot(call.queue, world.now + rng.randint(600, 90_000), rng)
        read_at += rng.randint(0, 899)
        call.record.set(read_at, read_at=read_at)
        world.status(call, "voicemail_read", at=read_at)


def _deflected(world: World, call: LiveCall, why: str, where: str) -> None:
    _write(world, call, where, why)
    world.end(call, "deflected", deflection=why, finish_reason="no_reason")
    after_call(world, call, talked=False)


def _write(world: World, call: LiveCall, where: str, why: str) -> None:
    call.record.add(world.now, "deflection_details", world.row_id("deflection_details"), why)
    world.ledger.deflected(call.call_id, world.now, where, why)


def _escalations_deflected(world: World, call: LiveCall, why: str) -> None:
    for escalation in call.record.escalations:
        if not escalation.escalated_at and not escalation.deflection:
            escalation.deflection, escalation.deflected_at = why, world.now
            escalation.deflected_id = world.row_id("virtual_agent_deflected_escalations")
            call.record.touch(world.now)
