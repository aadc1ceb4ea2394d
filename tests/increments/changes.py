"""Changes of a call after it was loaded, by name. Each edits a call's body in place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

Json = dict[str, Any]
Change = Callable[[Json, Random], None]

ARRAYS = (
    "queue_durations", "handle_durations", "transfers", "virtual_agent_handle_durations",
    "consumer_in_menu_durations", "escalations", "participants",
)  # fmt: skip
_PEOPLE = ("id", "name", "first_name", "last_name", "email", "agent_number", "identifier", "out_contact_id")


def instant_text(moment: datetime) -> str:
    """An instant (UTC) as the API writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _waited_longer(call: Json, random: Random) -> None:
    for row in call.get("queue_durations") or []:
        row["queue_duration"] = (row["queue_duration"] or 0) + random.randrange(1, 90)
        row["service_level_event"] = "not_in_sla"


def _worked_longer(call: Json, random: Random) -> None:
    for row in call.get("handle_durations") or []:
        row["acw_duration"] = (row["acw_duration"] or 0) + random.randrange(1, 90)


def _shrunken(call: Json, random: Random) -> None:
    for array in ARRAYS:
        call[array] = (call.get(array) or [])[:-1]


def _emptied(call: Json, random: Random) -> None:
    array = random.choice([array for array in ARRAYS if call.get(array)] or ["transfers"])
    call[array] = []


def _all_emptied(call: Json, random: Random) -> None:
    for array in ARRAYS:
        call[array] = []


def _redacted(call: Json, random: Random) -> None:
    transfers = call.get("transfers") or []
    people = [call.get("end_user"), call.get("agent_info"), *(row.get("from_agent") for row in transfers)]
    for person in people:
        for key in _PEOPLE if person else ():
            if key in person:
                person[key] = None


def _reopened_voicemail(call: Json, random: Random) -> None:
    call |= {"status": "voicemail", "ends_at": None, "voicemail_reason": "eu_requested"}


def _failed(call: Json, random: Random) -> None:
    call |= {
        "status": "failed",
        "fail_reason": random.choice(["eu_abandoned", "eu_canceled", "voip_twilio_error"]),
    }


def _goes_on_again(call: Json, random: Random) -> None:
    call |= {"status": "connected", "ends_at": None}


def shift(call: Json, by: timedelta, *more: str) -> None:
    """Move everything that happened in a call, and the fields named in `more`."""
    for row in (call, *(row for array in ARRAYS for row in call.get(array) or [])):
        for key in ("created_at", "queued_at", "connected_at", "started_at", "ended_at", "ends_at", *more):
            if row.get(key):
                row[key] = instant_text(datetime.fromisoformat(row[key]) + by)


def _moved(call: Json, random: Random) -> None:
    """Move the call to another interval, another day, another order, another week."""
    shift(call, timedelta(minutes=random.choice([-15_000, -1500, -20, -15, 15, 20, 1500])))


def _renamed_queue(call: Json, random: Random) -> None:
    for row in call.get("queue_durations") or []:
        row["menu_path"] = f"{row['menu_path']} (new)"


def _other_queue(call: Json, random: Random) -> None:
    for row in call.get("queue_durations") or []:
        row["menu_path_id"] = random.choice([11, 12, 21, 999])


def _other_agent(call: Json, random: Random) -> None:
    for row in call.get("handle_durations") or []:
        row["agent_id"] = random.choice([None, 204, 205, 999])


def _renamed_agent(call: Json, random: Random) -> None:
    for person in (call.get("agent_info"), *(row.get("from_agent") for row in call.get("transfers") or [])):
        if person and person.get("name"):
            person["name"] = f"{person['name']} (new)"


def _other_kind(call: Json, random: Random) -> None:
    call |= {"call_type": random.choice(["Voice Outbound", "Voice Inbound (Satellite)"]), "lang": "xx"}


def _other_caller(call: Json, random: Random) -> None:
    call["end_user"] = {"id": random.choice([1, 2, 3])}


def _orphaned(call: Json, random: Random) -> None:
    call["parent_id"] = None


CHANGES: dict[str, Change] = {
    "waited longer": _waited_longer,
    "worked longer": _worked_longer,
    "arrays shrunken": _shrunken,
    "array emptied": _emptied,
    "all arrays emptied": _all_emptied,
    "redacted": _redacted,
    "voicemail reopened": _reopened_voicemail,
    "failed": _failed,
    "goes on again": _goes_on_again,
    "moved in time": _moved,
    "queue renamed": _renamed_queue,
    "another queue": _other_queue,
    "another agent": _other_agent,
    "agent renamed": _renamed_agent,
    "another kind": _other_kind,
    "another caller": _other_caller,
    "orphaned": _orphaned,
}
"""Changes of one call's body; changes that add or remove calls are in `histories`."""
