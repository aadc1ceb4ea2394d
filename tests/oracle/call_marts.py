"""The marts of calls, transfers and virtual-agent sessions."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tests.oracle.calls import Call
from tests.oracle.cells import Cells, Row, grouped
from tests.oracle.centre import Centre
from tests.oracle.handled import NOBODY
from tests.oracle.percentiles import ratio
from tests.oracle.raw import elements, number, some_instant
from tests.oracle.transfers import Transfer
from tests.oracle.virtual_agents import Session

REPEAT_WINDOW = dt.timedelta(days=7)
PLACE = ("local_date", "queue_id", "call_type")


def call_marts(centre: Centre) -> list[Cells]:
    """Every mart whose rows are made of calls, transfers or sessions."""
    return [
        _transfers(centre),
        _virtual_agent(centre),
        _ivr(centre),
        _deflection_and_callbacks(centre),
        _repeat_contacts(centre),
    ]


def _or_nobody(number_or_none: int | None) -> int:
    return NOBODY if number_or_none is None else number_or_none


# --- transfers ---------------------------------------------------------------------------------


def _transfers(centre: Centre) -> Cells:
    keys = ("local_date", "kind", "from_queue_id", "to_queue_id", "from_agent_id", "to_agent_id")
    cells = Cells("mart_transfers", keys)

    def key(each: Transfer) -> tuple[Any, ...]:
        sides = (each.from_queue, each.to_queue, each.from_agent, each.to_agent)
        return (centre.local_date(each.created_at), each.kind, *map(_or_nobody, sides))

    attempts = [each for some in centre.transfers.values() for each in some]
    for cell, members in grouped(attempts, key).items():
        outcomes = Counter(each.outcome for each in members)
        names = ("completed", "failed", "abandoned", "flowed_out", "in_progress")
        row: Row = {"attempts": len(members)} | {name: outcomes[name] for name in names}
        for side, queue_id, agent_id in (("from", cell[2], cell[4]), ("to", cell[3], cell[5])):
            row[f"{side}_queue_name"] = "no queue" if queue_id == NOBODY else centre.queue_name(queue_id)
            row[f"{side}_agent_name"] = "no agent" if agent_id == NOBODY else centre.agent_name(agent_id)
        row["attempts_to_virtual_agent"] = sum(1 for each in members if each.to_virtual_agent is not None)
        row["wait_seconds"] = sum(each.wait_seconds for each in members)
        waited = sum(each.wait_seconds for each in members if each.outcome == "completed")
        row["completed_wait_seconds"] = waited
        decided = row["attempts"] - row["in_progress"]
        row["transfer_completion_rate"] = ratio(row["completed"], decided)
        row["transfer_failure_rate"] = ratio(row["failed"], decided)
        row["average_transfer_wait_time"] = ratio(waited, row["completed"])
        cells.rows[cell] = row
    return cells


# --- virtual agents ----------------------------------------------------------------------------


def _virtual_agent(centre: Centre) -> Cells:
    cells = Cells("mart_virtual_agent", ("local_date", "virtual_agent_id", "queue_id"))
    sessions = [each for some in centre.sessions.values() for each in some]
    groups = grouped(
        sessions, lambda each: (centre.local_date(each.started_at), each.virtual_agent, each.queue_id)
    )
    for key, members in groups.items():
        cells.rows[key] = _session_parts(members)
    return cells


def _session_parts(sessions: Sequence[Session]) -> Row:
    outcomes = Counter(each.outcome for each in sessions)
    escalations = Counter(each.escalation_outcome for each in sessions)
    decided = len(sessions) - outcomes["in_progress"]
    seconds = sum(each.session_seconds for each in sessions)
    responses = sum(each.responses for each in sessions)
    fallbacks = sum(each.fallback_responses for each in sessions)
    return {
        "sessions": len(sessions),
        **{name: outcomes[name] for name in ("contained", "escalated", "person_later", "in_progress")},
        "escalations_to_person": escalations["person"],
        "escalations_deflected": escalations["deflected"],
        "escalations_failed": escalations["failed"],
        "session_seconds": seconds,
        "contained_session_seconds": sum(
            each.session_seconds for each in sessions if each.outcome == "contained"
        ),
        "longest_session_seconds": max(each.session_seconds for each in sessions),
        "responses": responses,
        "fallback_responses": fallbacks,
        "va_containment_rate": ratio(outcomes["contained"], decided),
        "va_escalation_rate": ratio(outcomes["escalated"], decided),
        "va_deflected_escalation_rate": ratio(escalations["deflected"], outcomes["escalated"]),
        "average_session_time": ratio(seconds, len(sessions)),
        "fallback_response_rate": ratio(fallbacks, responses),
    }


# --- calls -------------------------------------------------------------------------------------


def entry_queue(centre: Centre, call: Call) -> int:
    """The queue a call came for: first entered, else of the first virtual agent, else chosen in the menus,
    else the one named by the call's own menu path; -1 if unknown."""
    segments = centre.segments[call.call_id]
    if segments:
        return min(segments, key=lambda each: each.entered_at).queue_id
    for array in ("virtual_agent_handle_durations", "consumer_in_menu_durations"):
        rows = [row for row in elements(call.body, array) if number(row, "menu_path_id") is not None]
        if rows:
            return int(min(rows, key=lambda row: some_instant(row, "started_at"))["menu_path_id"])
    name = (call.body.get("menu_path") or {}).get("name")
    named = [
        row["menu_path_id"]
        for other in centre.calls.values()
        for row in elements(other.body, "queue_durations")
        if name and row.get("menu_path") == name and number(row, "menu_path_id") is not None
    ]
    return max(named, default=NOBODY)


def _placed(centre: Centre, calls: Sequence[Call]) -> dict[tuple[Any, ...], list[Call]]:
    return grouped(calls, lambda call: _place(centre, call))


def _place(centre: Centre, call: Call) -> tuple[dt.date, int, str]:
    return (centre.local_date(call.created_at), entry_queue(centre, call), call.call_type)


def _is_handled(centre: Centre, call: Call) -> bool:
    return any(each.is_handled for each in centre.handled[call.call_id])


def _ivr(centre: Centre) -> Cells:
    cells = Cells("mart_ivr", PLACE)
    entered = [call for call in centre.calls.values() if call.has_entered_menu]
    for key, calls in _placed(centre, entered).items():
        abandoned = [call for call in calls if call.is_menu_abandon]
        seconds = sum(call.menu_seconds for call in calls)
        cells.rows[key] = {
            "queue_name": centre.queue_name(key[1]),
            "entered_menu": len(calls),
            "menu_abandoned": len(abandoned),
            "menu_seconds": seconds,
            "abandoned_menu_seconds": sum(call.menu_seconds for call in abandoned),
            "ivr_abandonment_rate": ratio(len(abandoned), len(calls)),
            "average_menu_time": ratio(seconds, len(calls)),
        }
    return cells


def _deflection_and_callbacks(centre: Centre) -> Cells:
    cells = Cells("mart_deflection_and_callbacks", PLACE)
    contacts = _placed(centre, [call for call in centre.calls.values() if call.is_contact])
    callbacks = grouped(
        [call for call in centre.calls.values() if call.parent_id is not None],
        lambda call: _place(centre, centre.calls.get(call.parent_id or 0, call)),
    )
    for key in contacts.keys() | callbacks.keys():
        row = _deflected(contacts.get(key, [])) | _called_back(centre, callbacks.get(key, []))
        cells.rows[key] = row | {"queue_name": centre.queue_name(key[1])}
    return cells


def _deflected(contacts: Sequence[Call]) -> Row:
    gone = [call for call in contacts if call.flowed_out_as]
    ways = Counter(call.flowed_out_as for call in gone)
    reasons = Counter(call.deflection for call in gone)
    return {
        "contacts": len(contacts),
        "deflected": len(gone),
        "deflected_to_voicemail": ways["voicemail"],
        "deflected_to_callback": ways["scheduled"],
        "deflected_elsewhere": ways["deflected"],
        "deflected_after_hours": reasons["after_hours"],
        "deflected_over_capacity": reasons["over_capacity"],
        "deflection_rate": ratio(len(gone), len(contacts)),
        "voicemail_rate": ratio(ways["voicemail"], len(contacts)),
        "callback_request_rate": ratio(ways["scheduled"], len(contacts)),
        "sent_elsewhere_rate": ratio(ways["deflected"], len(contacts)),
    }


def _called_back(centre: Centre, callbacks: Sequence[Call]) -> Row:
    over = [call for call in callbacks if call.is_ended]
    counts: Counter[str] = Counter()
    for call in over:
        kind = _kind_of_callback(centre.calls.get(call.parent_id or 0))
        counts.update([kind, "all"])
        if _is_handled(centre, call):
            counts.update([f"successful {kind}", "successful all"])
    return {
        "open_callbacks": len(callbacks) - len(over),
        "callbacks": counts["all"],
        "successful_callbacks": counts["successful all"],
        **{f"{kind}_callbacks": counts[kind] for kind in KINDS},
        **{f"successful_{kind}_callbacks": counts[f"successful {kind}"] for kind in KINDS},
        "callback_success_rate": ratio(counts["successful all"], counts["all"]),
        "scheduled_callback_success_rate": ratio(counts["successful scheduled"], counts["scheduled"]),
        "recovery_success_rate": ratio(counts["successful recovery"], counts["recovery"]),
    }


KINDS = ("scheduled", "voicemail", "recovery", "unlinked")


def _kind_of_callback(parent: Call | None) -> str:
    if parent is None:
        return "unlinked"
    return {"scheduled": "scheduled", "voicemail": "voicemail"}.get(parent.flowed_out_as or "", "recovery")


def _repeat_contacts(centre: Centre) -> Cells:
    cells = Cells("mart_repeat_contacts", PLACE)
    contacts = [call for call in centre.calls.values() if call.is_contact]
    # A caller who calls again has come back, whether that call is over or not.
    by_user = grouped(
        [call for call in centre.calls.values() if call.is_of_own_accord], lambda call: call.end_user
    )

    def is_repeated(call: Call) -> bool:
        return any(
            (call.created_at, call.call_id) < (other.created_at, other.call_id)
            and other.created_at - call.created_at <= REPEAT_WINDOW
            for other in by_user[call.end_user]
        )

    def is_served(call: Call) -> bool:
        return _is_handled(centre, call) or _is_contained(centre, call)

    for key, members in _placed(centre, contacts).items():
        known = [call for call in members if call.end_user is not None]
        counted = [call for call in known if call.created_at + REPEAT_WINDOW <= centre.as_of]
        served = [call for call in counted if is_served(call)]
        cells.rows[key] = _repeats(counted, served, is_repeated) | {
            "queue_name": centre.queue_name(key[1]),
            "inbound_contacts": len(members),
            "unidentified_contacts": len(members) - len(known),
            "open_contacts": len(known) - len(counted),
        }
    return cells


def _repeats(counted: Sequence[Call], served: Sequence[Call], is_repeated: Callable[[Call], bool]) -> Row:
    repeated = sum(map(is_repeated, counted))
    resolved = sum(1 for call in served if not is_repeated(call))
    return {
        "contacts": len(counted),
        "repeated_contacts": repeated,
        "served_contacts": len(served),
        "resolved_contacts": resolved,
        "repeat_contact_rate_7d": ratio(repeated, len(counted)),
        "first_contact_resolution_proxy": ratio(resolved, len(served)),
    }


def _is_contained(centre: Centre, call: Call) -> bool:
    """Virtual agents talked, and none of them asked for a person or was followed by one."""
    sessions = centre.sessions[call.call_id]
    return bool(sessions) and all(each.outcome == "contained" for each in sessions)
