"""One call as the API's JSON object.

A record and the instant of one of its versions → the body at that version. Nothing is random
here: what varies from call to call (offsets, 0 or false, `from_menu` or `from_menu_path`, missing ids) depends on the
record's salt, so the same request gives the same bytes. Rows are in `render_rows`, people and small elements in
`render_parts`.
"""

from __future__ import annotations

from typing import Any

from simulator.centre.calendar import Calendar
from simulator.centre.failures import MESSAGES
from simulator.centre.people import Agent
from simulator.centre.record import CallRecord
from simulator.centre.render_parts import (
    agent_object,
    custom_data,
    events,
    item_rows,
    menu_object,
    participant,
    sip_headers,
    spans_of,
    virtual_agent_object,
)
from simulator.centre.render_rows import (
    deflected_escalation,
    escalation,
    handle_row,
    queue_row,
    transfer,
    virtual_agent_row,
)
from simulator.centre.stamps import Stamps
from simulator.centre.style import Style

Json = dict[str, Any]

_DEFAULTS: Json = {
    "status": "selecting",
    "queued_at": 0,
    "assigned_at": 0,
    "connected_at": 0,
    "ends_at": 0,
    "scheduled_at": 0,
    "rating": None,
    "has_feedback": False,
    "feedback": None,
    "voip_provider": "voip_provider_twilio",
    "has_ticket": False,
    "has_recording": False,
    "verified": False,
    "recording_permission": "not_asked",
    "voicemail_reason": "not_voicemail",
    "deflection": "no_deflection",
    "disconnected_by": "disconnected_by_unknown",
    "finish_reason": None,
    "fail_reason": "nothing",
    "adapter_fail_code": None,
    "virtual_agent": None,
    "smart_action_text": None,
}

_BY = {
    "disconnected_by_end_user": "Disconnected by end user",
    "disconnected_by_agent": "Disconnected by agent",
    "disconnected_by_unknown": "Disconnected by unknown",
}


class Renderer:
    """Writes bodies for one centre."""

    def __init__(self, calendar: Calendar) -> None:
        self._stamps = Stamps(calendar)

    def body(self, record: CallRecord, at: int) -> Json:
        """The call's JSON at `at`, which must be one of its version instants (epoch seconds)."""
        style = Style.of(record.salt)
        stamp = self._stamps.local if style.local_offset else self._stamps.utc
        values = _DEFAULTS.copy()
        for when, key, value in record.changes:
            if when > at:
                break
            values[key] = value
        queue_rows = [row for row in record.queue_rows if row.ended_at <= at]
        handle_rows = [row for row in record.handle_rows if row.shown_at <= at]
        waited = sum(row.ended_at - row.started_at for row in queue_rows)
        talk = sum(row.call_seconds for row in handle_rows if not row.barged)
        held = sum(row.hold_seconds for row in handle_rows)
        headers = sip_headers(record)
        queue, customer = record.queue, record.customer
        code = values["adapter_fail_code"]
        failed = values["fail_reason"] != "nothing"
        machine = values["virtual_agent"]
        ticket = f"500ak{record.call_id:09d}AAA" if values["has_ticket"] else None
        body: Json = {
            "id": record.call_id,
            "lang": queue.language if queue else "en",
            "call_type": record.call_type,
            "session_type": record.call_type,
            "session_type_v2": record.call_type,
            "status": values["status"],
            "sub_status": f"{values['status'].replace('_', ' ').title()}: {_BY[values['disconnected_by']]}",
            "created_at": stamp(record.created_at),
            "queued_at": stamp(values["queued_at"]),
            "assigned_at": stamp(values["assigned_at"]),
            "connected_at": stamp(values["connected_at"]),
            "ends_at": stamp(values["ends_at"]),
            "scheduled_at": stamp(values["scheduled_at"]),
            "updated_at": stamp(at),
            "wait_duration": waited,
            "queue_duration": waited,
            "call_duration": talk,
            "hold_duration": held,
            "rating": str(values["rating"]) if style.text_rating and values["rating"] else values["rating"],
            "has_feedback": values["has_feedback"],
            "voip_provider": values["voip_provider"],
            "out_ticket_id": ticket,
            "out_ticket_url": f"https://crm.example.com/lightning/r/Case/{ticket}/view" if ticket else None,
            "is_out_ticket_account": False,
            "verified": values["verified"],
            "recording_url": f"https://crm.example.com/recordings/{record.call_id}/download"
            if values["has_recording"]
            else None,
            "recording_permission": values["recording_permission"],
            "voicemail_reason": values["voicemail_reason"],
            "deflection": values["deflection"],
            "disconnected_by": values["disconnected_by"],
            "finish_reason": values["finish_reason"],
            "fail_reason": values["fail_reason"],
            "fail_details": MESSAGES[code] if failed and style.fail_details else None,
            "adapter_fail_code": code,
            "adapter_fail_message": MESSAGES[code] if code else None,
            "support_number": "+15550100300" if queue is None else f"+155501003{queue.queue_id:02d}",
            "selected_menu": {
                "id": queue.selected_menu_id,
                "name": queue.names[-1],
                "parent_id": queue.ids[-2] + 400,
                "position": queue.queue_id % 10,
                "deleted": False,
                "hidden": "false" if style.text_hidden else False,
                "menu_type": "ivr_menu",
                "output_msg": f"Thank you for calling {queue.names[-1]}.",
            }
            if queue
            else None,
            "menu_path": menu_object(queue) if queue else None,
            "queue_priority_level": 0,
            "end_user": {
                "id": customer.customer_id,
                "identifier": customer.identifier,
                "out_contact_id": customer.contact_id,
            },
            "photos": item_rows(record, "photos", at, stamp),
            "videos": item_rows(record, "videos", at, stamp),
            "transfers": [
                transfer(row, at, stamp, style) for row in record.transfers if row.created_at <= at
            ],
            "escalations": [
                escalation(row, at, stamp, style) for row in record.escalations if row.created_at <= at
            ],
            "deflection_details": item_rows(record, "deflection_details", at, stamp),
            "handle_durations": [handle_row(row, at, stamp, style) for row in handle_rows],
            "queue_durations": [queue_row(row, at, stamp, style) for row in queue_rows],
            "virtual_agent_deflected_escalations": [
                deflected_escalation(row, stamp) for row in record.escalations if 0 < row.deflected_at <= at
            ],
            "virtual_agent_handle_durations": [
                virtual_agent_row(row, stamp) for row in record.virtual_agents if row.ended_at <= at
            ],
            "consumer_handle_durations": spans_of(record, "handle", at, stamp, held),
            "consumer_event_durations": events(record, at, stamp),
            "consumer_in_menu_durations": spans_of(record, "menu", at, stamp, 0),
            "participants": [
                participant(party, record, at, stamp, headers, held)
                for party in record.participants
                if party.joined_at <= at
            ],
            "recordings": item_rows(record, "recordings", at, stamp),
            "offer_type": record.offer_type,
            "offer_events": [
                {"casting_time": stamp(offer), "group": f"Group {min(number, 3)}"}
                for number, offer in enumerate(record.offers, 1)
                if offer <= at
            ],
            "answer_type": "manual",
            "outbound_number": customer.phone if queue is None else None,
            "wait_time_sms": item_rows(record, "wait_time_sms", at, stamp),
            "in_call_sms": item_rows(record, "in_call_sms", at, stamp),
            "dispositions": item_rows(record, "dispositions", at, stamp),
            "email": None,
            "feedback": values["feedback"],
            "smart_action_text": values["smart_action_text"],
            "custom_data_secured": None,
            "custom_data_not_secured": custom_data(record),
            "sip_headers": headers,
        }
        if record.parent_id is not None:
            body["parent_id"] = record.parent_id
        agent = _agent(record, at)
        if agent is not None and not (machine and style.hides_agent):
            body["agent_info"] = agent_object(agent)
        if machine is not None:
            body["virtual_agent"] = virtual_agent_object(machine)
        if style.with_uuid:
            body["call_uuid"] = f"{record.salt:016x}-{record.call_id:08x}"
        return body


def _agent(record: CallRecord, at: int) -> Agent | None:
    """The first agent of the call."""
    for party in record.participants:
        if isinstance(party.who, Agent) and not party.who.is_supervisor and 0 < party.connected_at <= at:
            return party.who
    return None
