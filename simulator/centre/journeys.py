"""The journey of a call through the centre, from start to end.

An arrival → SimPy processes: inbound calls through menu, virtual agent, queue and conversation;
calls that agents dial; appointments; and what follows calls that were not handled.
"""

from __future__ import annotations

from itertools import accumulate
from random import Random

from simulator.centre import chances
from simulator.centre.aftermath import after_call
from simulator.centre.arrivals import (
    APP,
    IVR,
    OUTBOUND,
    SCHEDULED_APP,
    SCHEDULED_WEB,
    WEB_CALLBACK,
    draw_type,
)
from simulator.centre.conversation import converse
from simulator.centre.deflection import after_hours, deflect
from simulator.centre.legs import dial_failed
from simulator.centre.machine import talk_first_to_machine
from simulator.centre.people import Customer
from simulator.centre.queues import QUEUES, Queue
from simulator.centre.record import Participant, Span
from simulator.centre.waiting import ABANDONED, FLOW_OUTS, Limits, Waited, wait_in_queue
from simulator.centre.world import Leg, LiveCall, Process, World

_RISING_SHARES = list(accumulate(queue.share for queue in QUEUES))
_RECOVERABLE = frozenset(
    {ABANDONED, "eu_canceled", "voip_conn_general", "voip_conn_signal", "voip_conn_timeout"}
)


def arrive(world: World, number: int) -> None:
    """Decide the type of the call with this number, which begins now, and start it."""
    rng = Random(f"{world.seed}:call:{number}")
    rare = chances.rare_event(number)
    call_type = draw_type(rng)
    if rare and call_type not in (IVR, APP):
        call_type = IVR
    if rare in ("action_only", "media"):
        call_type = APP
    queue = rng.choices(QUEUES, cum_weights=_RISING_SHARES)[0]
    customer = world.caller(rng)
    if call_type == OUTBOUND:
        process = dial_out(world, rng, customer)
    elif call_type in (SCHEDULED_APP, SCHEDULED_WEB):
        process = appointment(world, rng, call_type, queue, customer)
    elif call_type == WEB_CALLBACK:
        process = web_callback(world, rng, queue, customer)
    else:
        process = inbound(world, rng, call_type, queue, customer, rare)
    world.env.process(process)


def inbound(
    world: World, rng: Random, call_type: str, queue: Queue, customer: Customer, rare: str
) -> Process:
    """A caller who wants to talk now."""
    call = world.open_call(rng, call_type, queue, customer, rare=rare, menu=True)
    _end_user(world, call)
    world.status(call, "selecting")
    menu = rng.randint(10, 75) if call_type == IVR else rng.randint(2, 15)
    abandons = not rare and rng.random() < chances.MENU_ABANDON_SHARE
    started_at = world.now
    yield world.env.timeout(rng.randint(1, menu) if abandons else menu)
    event = "abandoned" if abandons else "finished"
    call.record.spans.append(
        Span(world.row_id("consumer_in_menu_durations"), "menu", event, started_at, world.now)
    )
    call.record.touch(world.now)
    if abandons:
        world.fail(call, "eu_in_menu_abandoned")
        after_call(world, call, talked=False)
        return
    if rare == "action_only":
        world.status(call, "action_only")
        yield world.env.timeout(rng.randint(30, 400))
        world.end(call, "action_only_finished", finish_reason="no_reason")
        return
    if not rare and rng.random() < queue.virtual_agent_share:
        contained = yield from talk_first_to_machine(world, call)
        if contained:
            return
    if not world.calendar.is_open(queue, world.now):
        yield from after_hours(world, call)
        _call_back(world, call)
        return
    yield from _queue_and_talk(world, call)


def _queue_and_talk(world: World, call: LiveCall) -> Process:
    waited: Waited = yield from wait_in_queue(world, call, call.queue, _limits(world, call))
    if waited.leg is not None:
        yield from converse(world, call, waited.leg)
    elif waited.reason in FLOW_OUTS:
        yield from deflect(world, call, waited.reason, "over_capacity")
    else:
        world.fail(call, waited.reason)
        after_call(world, call, talked=False)
    _call_back(world, call)


def _limits(world: World, call: LiveCall) -> Limits:
    """How long this caller waits, and what happens then: hang up, another way, or expiry."""
    rng, queue = call.rng, call.queue
    if call.rare == "expire":
        return Limits(chances.FORCED_EXPIRY_SECONDS, "expired", reachable=False)
    if call.rare == "impatient":
        return Limits(rng.randint(1, 4), ABANDONED, reachable=False)
    if call.rare:
        return Limits(chances.QUEUE_EXPIRES_SECONDS, ABANDONED)
    seconds = chances.patience(rng, queue.patience_seconds)
    capacity = max(3, round(queue.capacity * world.calls_per_day / 1000))
    other = rng.choices(FLOW_OUTS, (45, 40, 15))[0]
    if world.floor.length(queue) >= capacity and rng.random() < chances.OVER_CAPACITY_SHARE:
        return Limits(rng.randint(6, 20), other)
    announcement = rng.randint(40, 120)
    if seconds > announcement and rng.random() < chances.FLOW_OUT_SHARE:
        return Limits(announcement, other)
    if seconds > chances.QUEUE_EXPIRES_SECONDS:
        return Limits(chances.QUEUE_EXPIRES_SECONDS, "expired")
    return Limits(seconds, ABANDONED)


def web_callback(world: World, rng: Random, queue: Queue, customer: Customer) -> Process:
    """A request on the web page: queued at once, dialled when an agent is free."""
    if not world.calendar.is_open(queue, world.now):
        return
    call = world.open_call(rng, WEB_CALLBACK, queue, customer)
    _end_user(world, call)
    then = ABANDONED if rng.random() < 0.3 else "expired"
    seconds = chances.around(rng, 500, 0.6, 20, chances.QUEUE_EXPIRES_SECONDS)
    yield from _queue_and_dial(world, call, Limits(seconds if then == ABANDONED else 1800, then, dial=True))


def appointment(
    world: World,
    rng: Random,
    call_type: str,
    queue: Queue,
    customer: Customer,
    parent_id: int | None = None,
    at: int = 0,
) -> Process:
    """A call asked for in advance: `scheduled` until its time, then queued and dialled."""
    call = world.open_call(rng, call_type, queue, customer, parent_id=parent_id)
    _end_user(world, call)
    at = at or world.calendar.slot(queue, world.now + rng.randint(1200, 100_000), rng)
    call.scheduled_at = at
    world.status(call, "scheduled", scheduled_at=at)
    yield world.env.timeout(max(1, at - world.now))
    yield from _queue_and_dial(world, call, Limits(1800, "expired", dial=True))


def _queue_and_dial(world: World, call: LiveCall, limits: Limits) -> Process:
    waited: Waited = yield from wait_in_queue(world, call, call.queue, limits)
    if waited.leg is not None:
        yield from converse(world, call, waited.leg)
        return
    world.fail(call, waited.reason)
    after_call(world, call, talked=False)


def dial_out(world: World, rng: Random, customer: Customer, parent: LiveCall | None = None) -> Process:
    """An agent dials as soon as one is free. If none is within 15 minutes, nobody does."""
    agent = world.floor.seize()
    for _ in range(20):
        if agent is not None:
            break
        yield world.env.timeout(45)
        agent = world.floor.seize()
    if agent is None:
        return
    call = world.open_call(
        rng, OUTBOUND, None, customer, parent_id=parent.call_id if parent is not None else None
    )
    _end_user(world, call)
    call.assigned = True
    world.status(call, "assigned", assigned_at=world.now)
    prepare, dialling = rng.randint(0, 40), rng.randint(3, 25)
    yield world.env.timeout(1)
    world.status(call, "connecting")
    yield world.env.timeout(dialling)
    leg = Leg(agent, None, None, world.now, world.now, dialling, bcw_seconds=prepare)
    reason = chances.dial_result(rng, app=False)
    if reason:
        dial_failed(world, call, leg, reason)
        return
    yield from converse(world, call, leg)
    if parent is not None and call.succeeded and _failed(parent):
        world.status(parent, "recovered")


def _failed(call: LiveCall) -> bool:
    return any(key == "fail_reason" for _, key, _ in call.record.changes)


def _call_back(world: World, call: LiveCall) -> None:
    """What the centre does after a call that was not handled: appointments and call-backs."""
    rng, record = call.rng, call.record
    last = {key: value for _, key, value in record.changes}
    queue = call.queue
    if last["status"] == "scheduled":
        call_type = SCHEDULED_APP if record.call_type == APP else SCHEDULED_WEB
        child = Random(f"{world.seed}:child:{call.call_id}")
        world.env.process(
            appointment(world, child, call_type, queue, record.customer, call.call_id, last["scheduled_at"])
        )
    elif last.get("read_at") and rng.random() < chances.VOICEMAIL_CALLBACK_SHARE:
        world.env.process(_later(world, call, last["read_at"] + rng.randint(60, 600)))
    elif last.get("fail_reason") in _RECOVERABLE and rng.random() < chances.RECOVER_SHARE:
        world.env.process(_later(world, call, world.now + rng.randint(300, 5400)))


def _later(world: World, call: LiveCall, at: int) -> Process:
    queue = call.queue
    if not world.calendar.is_open(queue, at):
        at = world.calendar.slot(queue, at, call.rng)
    yield world.env.timeout(at - world.now)
    child = Random(f"{world.seed}:child:{call.call_id}")
    yield from dial_out(world, child, call.record.customer, call)


def _end_user(world: World, call: LiveCall) -> None:
    now = world.now
    call.record.participants.append(Participant(world.row_id("participants"), "end_user", now, now))
