"""The centre's truth and its JSON must tell one story, or every mart test rests on sand.

The derivation here reads bodies alone and follows the definitions of the metrics; it shares no code
with the simulation.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator.centre import Centre

START = datetime(2026, 3, 2, 5, tzinfo=UTC)
Json = dict[str, Any]

NOT_TERMINAL = {
    "selecting", "queued", "assigned", "connecting", "connected", "switching", "action_only",
}  # fmt: skip
FLOWED_OUT = {"deflected", "scheduled", "voicemail", "voicemail_received", "voicemail_read"}
ABANDONED = {"eu_abandoned", "eu_canceled"}


@pytest.fixture(scope="module")
def centre() -> Centre:
    return Centre.simulate(seed=11, start=START, days=3, calls_per_day=900)


def instants(centre: Centre) -> list[datetime]:
    """In the middle of busy hours, at the end of the day, at the horizon, and when all is over."""
    hours = (9.5, 10.26, 14.0, 17.77, 23.0, 35.1, 60.5)
    return [*(START + timedelta(hours=hour) for hour in hours), centre.end, centre.last_change]


def bodies(centre: Centre, now: datetime) -> Iterator[Json]:
    for version in centre.versions(now):
        yield centre.body(version.call_id, now)


def wait_outcome(body: Json, row: Json) -> str:
    if row["transfer_id"] is not None:
        transfer = next(t for t in body["transfers"] if t["id"] == row["transfer_id"])
        if transfer["status"] in ("transferred", "connected"):
            return "answered"
        if transfer["status"] != "failed":
            return "in_progress"
        return "abandoned" if transfer["fail_reason"] in ABANDONED else "failed"
    talk = sum(
        h["call_duration"] for h in body["handle_durations"] if h["transfer_id"] is None and not h["barged"]
    )
    if talk > 0:
        return "answered"
    if body["fail_reason"] in ABANDONED:
        return "abandoned"
    if body["status"] in FLOWED_OUT:
        return "flowed_out"
    return "in_progress" if body["status"] in NOT_TERMINAL else "failed"


def test_outcome_of_a_wait_could_not_be_told_from_the_json(centre: Centre) -> None:
    for now in instants(centre):
        told = {
            (body["id"], row["transfer_id"]): (
                row["menu_path_id"],
                row["menu_path"],
                row["lang"],
                datetime.fromisoformat(row["started_at"]),
                datetime.fromisoformat(row["ended_at"]),
                row["queue_duration"],
                wait_outcome(body, row),
                row["agent_id"],
                row["service_level_target_time"],
                row["service_level_target_percent"],
                row["service_level_abandon_time_threshold"],
            )
            for body in bodies(centre, now)
            for row in body["queue_durations"]
        }
        true = {
            (s.call_id, s.transfer_id): (
                s.queue_id,
                s.queue_name,
                s.language,
                s.entered_at,
                s.ended_at,
                s.wait_seconds,
                s.outcome,
                s.agent_id,
                s.target_seconds,
                s.target_percent,
                s.abandon_threshold_seconds,
            )
            for s in centre.truth(now).queue_segments
        }
        assert told == true
    assert {"answered", "abandoned", "flowed_out", "failed"} == {outcome[6] for outcome in true.values()}


def test_a_wait_was_in_progress_although_everybody_had_gone(centre: Centre) -> None:
    outcomes = {s.outcome for s in centre.truth(centre.last_change).queue_segments}
    assert "in_progress" not in outcomes
    during = {s.outcome for s in centre.truth(START + timedelta(hours=10.26)).queue_segments}
    assert "in_progress" in during


def test_seconds_of_an_agent_differed_from_what_he_worked(centre: Centre) -> None:
    for now in instants(centre):
        told: dict[tuple[int, int, int | None, bool], list[int]] = {}
        for body in bodies(centre, now):
            for row in body["handle_durations"]:
                key = (body["id"], row["agent_id"], row["transfer_id"], bool(row["barged"]))
                parts = told.setdefault(key, [0, 0, 0, 0, 0])
                hold = row["hold_duration"] or 0
                parts[0] += row["call_duration"] - hold
                parts[1] += hold
                parts[2] += row["acw_duration"]
                parts[3] += row["bcw_duration"]
                parts[4] += row["assigned_connection_duration"]
        true = {
            (s.call_id, s.agent_id, s.transfer_id, s.barged): [
                s.talk_seconds,
                s.hold_seconds,
                s.acw_seconds,
                s.bcw_seconds,
                s.ring_seconds,
            ]
            for s in centre.truth(now).handled_segments
        }
        assert told == true


def test_rows_contradicted_their_own_instants(centre: Centre) -> None:
    now = centre.last_change
    for body in bodies(centre, now):
        for row in body["handle_durations"]:
            span = datetime.fromisoformat(row["ended_at"]) - datetime.fromisoformat(row["started_at"])
            assert span.total_seconds() == row["call_duration"] + row["acw_duration"]
            assert row["call_duration"] == 0 or (row["hold_duration"] or 0) < row["call_duration"]
        for row in body["queue_durations"]:
            span = datetime.fromisoformat(row["ended_at"]) - datetime.fromisoformat(row["started_at"])
            assert span.total_seconds() == row["queue_duration"] >= 0
        assert body["queue_duration"] == sum(row["queue_duration"] for row in body["queue_durations"])


def test_an_agent_talked_to_two_callers_at_once(centre: Centre) -> None:
    spans: dict[int, list[tuple[datetime, datetime]]] = {}
    for segment in centre.truth(centre.last_change).handled_segments:
        if not segment.barged:
            until = segment.ended_at + timedelta(seconds=segment.acw_seconds)
            spans.setdefault(segment.agent_id, []).append((segment.started_at, until))
    for busy in spans.values():
        busy.sort()
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(busy))


def test_status_and_fail_reason_of_a_call_differed(centre: Centre) -> None:
    for now in instants(centre):
        told = {
            b["id"]: (b["status"], b["fail_reason"], b["call_type"], b.get("parent_id"), _deflection(b))
            for b in bodies(centre, now)
        }
        true = {
            c.call_id: (c.status, c.fail_reason, c.call_type, c.parent_id, c.deflected_because)
            for c in centre.truth(now).calls
        }
        assert told == true


def _deflection(body: Json) -> str | None:
    return None if body["deflection"] == "no_deflection" else body["deflection"]


def test_a_transfer_or_a_virtual_agent_session_was_missing(centre: Centre) -> None:
    now = centre.last_change
    told_transfers, told_sessions = {}, set()
    for body in bodies(centre, now):
        for row in body["transfers"]:
            told_transfers[row["id"]] = (
                body["id"],
                row["from_agent"]["id"],
                (row["to_agent"] or {}).get("id"),
            )
        for row in body["virtual_agent_handle_durations"]:
            told_sessions.add((body["id"], row["started_at"][:10], row["escalation_reason"] is not None))
    truth = centre.truth(now)
    assert told_transfers == {
        t.transfer_id: (t.call_id, t.from_agent_id, t.to_agent_id) for t in truth.transfers
    }
    assert len(told_sessions) == len({(s.call_id, s.escalated) for s in truth.virtual_agent_sessions})


def test_the_truth_could_not_be_written_down(centre: Centre, tmp_path: Path) -> None:
    truth = centre.truth(centre.end)
    truth.write(tmp_path / "truth.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    kinds = [line["kind"] for line in lines]
    assert kinds.count("calls") == len(truth.calls)
    assert kinds.count("queue_segments") == len(truth.queue_segments)
    assert kinds.count("handled_segments") == len(truth.handled_segments)
