"""The calls for planted mistakes: a simulated centre with added edge cases."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from simulator.centre import Centre
from tests.increments.changes import Json, instant_text

START = datetime(2026, 3, 6, 14, tzinfo=UTC)  # a Friday; New York changes its clocks on the Sunday
MOMENT = START + timedelta(hours=54)
ZONE = "Asia/Kathmandu"
"""The reporting zone: its days begin in the centre's afternoon, at 13:15 or 14:15, when there are many calls."""
WEEK = timedelta(days=7)


def varied_calls() -> list[Json]:
    """Every call at `MOMENT`; many at the bounds of the rules, some unusual."""
    centre = Centre.simulate(seed=5, start=START, days=2.3, calls_per_day=110)
    calls = [copy.deepcopy(centre.body(version.call_id, MOMENT)) for version in centre.versions(MOMENT)]
    for number, call in enumerate(calls):
        _on_bounds(number, call)
    untouched = _Untouched(calls)
    for edge in (_requeued, _abandoned_after_its_first_leg, _wrap_up_only, _unlisted_status, _still_queued):
        edge(untouched.take(_is_handled))
    untouched.take(_has_transfer)["transfers"] *= 2
    _undecided_transfers(untouched.take(_has_transfer))
    _to_oneself(untouched.take(_has_transfer))
    _machine_still_talks(untouched.take(_has_session))
    _machine_after_a_person(untouched.take(_has_session_and_person))
    untouched.take(lambda call: call["fail_reason"] == "eu_in_menu_abandoned")[
        "consumer_in_menu_durations"
    ] = []
    _without_a_path(untouched.take(_is_outbound))
    _again_after_a_week(untouched.take(_is_handled), untouched.take(_is_handled))
    _listened_in(untouched.take(_is_handled))
    parent = untouched.take(_is_handled)
    later = datetime.fromisoformat(parent["created_at"]) + timedelta(days=1)
    child = copy.deepcopy(parent) | {
        "id": 990_001,
        "parent_id": parent["id"],
        "created_at": instant_text(later),
    }
    calls.append(child | {"call_type": "Voice Callback (Web)"})
    _late(calls)
    return calls


class _Untouched:
    """Calls that are not edge cases yet, in order."""

    def __init__(self, calls: list[Json]) -> None:
        self._calls = list(calls)

    def take(self, is_wanted: Callable[[Json], bool]) -> Json:
        found = next(call for call in self._calls if is_wanted(call))
        self._calls.remove(found)
        return found


def _is_handled(call: Json) -> bool:
    rows = call["handle_durations"]
    return bool(
        call["status"] == "finished" and call["queue_durations"] and not call["transfers"]
        and rows and rows[0]["call_duration"] and not call.get("virtual_agent_handle_durations")
    )  # fmt: skip


def _has_transfer(call: Json) -> bool:
    legs = {row["transfer_id"] for row in call["handle_durations"]}
    return any(row["id"] in legs and row["from_agent"] for row in call["transfers"])


def _has_session(call: Json) -> bool:
    return bool(call.get("virtual_agent_handle_durations")) and call["status"] == "finished"


def _has_session_and_person(call: Json) -> bool:
    return _has_session(call) and bool(call["handle_durations"])


def _is_outbound(call: Json) -> bool:
    return bool(call["call_type"] == "Voice Outbound")


def _on_bounds(number: int, call: Json) -> None:
    """Waits at target and threshold, talk of twenty seconds, missing holds, targets met exactly."""
    for row in call["queue_durations"]:
        if number % 7 in (0, 1):
            key = "service_level_target_time" if number % 7 else "service_level_abandon_time_threshold"
            row["queue_duration"] = row[key]
        if row["menu_path_id"] in (11, 12):
            row["service_level_target_percent"] = 100
    for row in call["handle_durations"]:
        if number % 7 == 2 and row["call_duration"]:
            row["call_duration"] = 20 + (row["hold_duration"] or 0)
        if number % 7 == 3:
            row["hold_duration"] = None


def _requeued(call: Json) -> None:
    first = call["queue_durations"][0]
    before = datetime.fromisoformat(first["started_at"]) - timedelta(seconds=60)
    again = first | {
        "id": 1,
        "agent_id": None,
        "started_at": instant_text(before),
        "ended_at": first["started_at"],
    }
    call["queue_durations"].insert(0, again)


def _abandoned_after_its_first_leg(call: Json) -> None:
    call |= {"status": "failed", "fail_reason": "eu_abandoned"}


def _wrap_up_only(call: Json) -> None:
    call |= {"status": "failed", "fail_reason": "eu_abandoned"}
    for row in call["handle_durations"]:
        row |= {"call_duration": 0, "hold_duration": None, "acw_duration": 30}


def _unlisted_status(call: Json) -> None:
    call["status"] = "transmogrified"


def _still_queued(call: Json) -> None:
    call |= {"status": "queued", "ends_at": None, "handle_durations": []}
    for row in call["queue_durations"]:
        row["agent_id"] = None


def _undecided_transfers(call: Json) -> None:
    """A transfer that its leg proves, and one that is still open."""
    call["transfers"][0]["status"] = "transferring"
    call["transfers"].append(call["transfers"][0] | {"id": 2, "status": "transferring"})
    for row in (*call["handle_durations"], *call["queue_durations"]):
        row["transfer_cold"] = None


def _to_oneself(call: Json) -> None:
    """Transferred, and taken back at once by the same agent."""
    transfer = next(row for row in call["transfers"] if row["from_agent"])
    for row in call["handle_durations"]:
        if row["transfer_id"] == transfer["id"]:
            row |= {"agent_id": transfer["from_agent"]["id"], "started_at": transfer["created_at"]}


def _machine_still_talks(call: Json) -> None:
    call |= {
        "status": "va_connected",
        "ends_at": None,
        "escalations": [],
        "transfers": [],
        "handle_durations": [],
    }
    for row in call["virtual_agent_handle_durations"]:
        row["escalation_reason"] = None


def _machine_after_a_person(call: Json) -> None:
    call |= {"escalations": [], "transfers": []}
    for row in call["virtual_agent_handle_durations"]:
        row["escalation_reason"] = None
    for row in call["handle_durations"]:
        row |= {"started_at": call["created_at"], "ended_at": call["created_at"]}


def _without_a_path(call: Json) -> None:
    row = {
        "id": 3,
        "agent_id": None,
        "queue_duration": 9,
        "menu_path_id": None,
        "started_at": call["created_at"],
    }
    call["queue_durations"] = [row]


def _again_after_a_week(first: Json, second: Json) -> None:
    first["end_user"] = second["end_user"] = {"id": 777}
    second["created_at"] = instant_text(datetime.fromisoformat(first["created_at"]) + WEEK)


def _listened_in(call: Json) -> None:
    call["handle_durations"].append(call["handle_durations"][0] | {"id": 4, "agent_id": 990, "barged": True})


def _late(calls: list[Json]) -> None:
    """Some calls change a week after their end, so that the bound of final intervals is among the calls."""
    ended = [
        call
        for call in calls
        if call["ends_at"] and call["ends_at"] < instant_text(START + timedelta(hours=30))
    ]
    for call in _spread(ended, 8):
        call["updated_at"] = instant_text(datetime.fromisoformat(call["ends_at"]) + WEEK)


def _spread(calls: list[Json], count: int) -> Iterator[Json]:
    yield from calls[:: max(1, len(calls) // count)]
