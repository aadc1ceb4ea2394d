"""What arrives after a call: tickets, recordings, surveys, feedback, photos, texts.

A call that has just ended → rows and fields that appear seconds, minutes or days later, each changing
`updated_at`. None of this takes an agent's time, so all of it is written in advance.
"""

from __future__ import annotations

from simulator.centre.arrivals import APP
from simulator.centre.record import Span
from simulator.centre.world import LiveCall, World

_FEEDBACK = (
    "Quick and friendly, thank you.",
    "I had to explain everything twice.",
    "Waited too long, but the answer was right.",
    "Please call back earlier next time.",
)


def after_call(world: World, call: LiveCall, *, talked: bool) -> None:
    """Schedule everything that comes later. `talked`: the caller spoke with an agent."""
    rng, record, end = call.rng, call.record, call.ended_at
    record.spans.append(
        Span(world.row_id("consumer_handle_durations"), "handle", "finished", record.created_at, end)
    )
    for party in record.participants:
        if party.kind == "end_user" and not party.ended_at:
            party.ended_at = end
    if rng.random() < (0.85 if talked else 0.2):
        record.set(end + rng.randint(2, 40), has_ticket=True)
    if not talked:
        return
    if rng.random() < 0.8:
        _recording(world, call)
    if rng.random() < 0.24:
        _survey(world, call)
    if rng.random() < 0.03:
        record.set(end + rng.randint(1, 60), verified=True)
    _media(world, call)


def _recording(world: World, call: LiveCall) -> None:
    """A recording, available after some minutes, with a few parts silenced."""
    rng, record = call.rng, call.record
    row_id = world.row_id("recordings")
    started = record.handle_rows[0].started_at if record.handle_rows else record.created_at
    seconds = max(1, call.ended_at - started)
    cuts = []
    if seconds > 40 and rng.random() < 0.08:
        first = started + rng.randint(5, seconds // 2)
        cuts = [(first, rng.randint(1500, 15_000))]
        if rng.random() < 0.3:
            cuts.append((first + 16, rng.randint(500, 4000)))
    agent_id = record.handle_rows[0].agent_id if record.handle_rows else 0
    ready = call.ended_at + (rng.randint(20, 240) if rng.random() < 0.9 else rng.randint(900, 1200))
    record.add(ready, "recordings", row_id, started, seconds, tuple(cuts), agent_id)
    record.set(ready, has_recording=True)


def _survey(world: World, call: LiveCall) -> None:
    """A survey at once after the call, or by text up to some hours later."""
    rng, record = call.rng, call.record
    started = call.ended_at + (rng.randint(1, 4) if rng.random() < 0.8 else rng.randint(300, 14_400))
    finished = rng.random() < 0.8
    ended = started + rng.randint(6, 70)
    event = "finished" if finished else "abandoned"
    record.spans.append(Span(world.row_id("consumer_event_durations"), "csat", event, started, ended))
    record.touch(ended)
    if not finished:
        return
    record.set(ended, rating=rng.choices((1, 2, 3, 4, 5), (8, 7, 12, 28, 45))[0])
    if rng.random() < 0.15:
        record.set(ended, has_feedback=True, feedback=rng.choice(_FEEDBACK))


def _media(world: World, call: LiveCall) -> None:
    """Photos and videos from the app, texts to anyone: during the call, shown by its end."""
    rng, record, end = call.rng, call.record, call.ended_at
    forced = call.rare == "media"
    if record.call_type == APP:
        if forced or rng.random() < 0.06:
            for _ in range(rng.randint(1, 2)):
                record.add(end, "photos", world.row_id("photos"), rng.choice(("photo", "screenshot")))
        if forced or rng.random() < 0.02:
            record.add(end, "videos", world.row_id("videos"))
    if forced or rng.random() < 0.02:
        record.add(end, "in_call_sms", world.row_id("sms"), rng.randint(record.created_at, end))
    if record.queue_rows and (forced or record.queue_rows[0].ended_at - record.queue_rows[0].started_at > 60):
        sent = record.queue_rows[0].started_at + 1
        record.add(end, "wait_time_sms", world.row_id("sms"), min(sent, end))
    if forced or rng.random() < 0.02:
        record.set(end, smart_action_text="Order 4711")
