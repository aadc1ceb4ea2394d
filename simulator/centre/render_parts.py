"""People, menus and small elements as JSON: what occurs in several places of a body.

Agents, menus, participants, spans, items → JSON objects and arrays. Keys that the vendor does not
document (elements of `wait_time_sms`, `in_call_sms`) are only plausible.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from simulator.centre.failures import MESSAGES
from simulator.centre.people import Agent, VirtualAgent
from simulator.centre.queues import Queue
from simulator.centre.record import CallRecord, Item, Participant, Span
from simulator.centre.stamps import Stamp

Json = dict[str, Any]

_CODES = (
    "Resolved", "No resolution - follow-up needed", "Product question", "Complaint", "Refund granted",
    "Address changed", "Wrong queue", "Order placed", "Order cancelled", "Callback promised", "Fraud suspected",
    "Other",
)  # fmt: skip
_LISTS = ("Inbound dispositions", "Specialist dispositions")
_TOKEN = (
    "eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jci5leGFtcGxlLmNvbSJ9"
)


@cache
def menu_object(queue: Queue) -> Json:
    """A menu path. Shared between bodies: not to be changed."""
    return {"items_count": len(queue.names), "name": queue.path, "materialized_path": queue.id_path}


@cache
def agent_object(agent: Agent) -> Json:
    """An agent. Shared between bodies: not to be changed."""
    return {
        "id": agent.agent_id,
        "agent_number": agent.agent_number,
        "email": agent.email,
        "name": agent.name,
        "last_name": agent.last_name,
        "first_name": agent.first_name,
        "avatar_url": agent.avatar_url,
    }


@cache
def virtual_agent_object(machine: VirtualAgent) -> Json:
    """A virtual agent. Shared between bodies: not to be changed."""
    return {
        "id": machine.virtual_agent_id,
        "name": machine.name,
        "va_alias": machine.alias,
        "avatar_url": machine.avatar_url,
    }


def sip_headers(record: CallRecord) -> Json | None:
    """Headers of the caller's leg; calls that did not come by phone have none."""
    if record.call_type != "Voice Inbound (IVR)":
        return None
    token = f"{record.salt:016x}"
    return {
        "P-Attestation-Indicator": "ABC"[record.salt % 3],
        "P-Origination-ID": f"{token[:8]}-{token[8:12]}-4{token[1:4]}-9{token[4:7]}-{token[2:14]}",
        "X-Carrier-Trunk": f"trunk-{record.salt % 4}.voice.example.com",
        "Identity": f"{_TOKEN}.{token * 6}.{token[::-1] * 5};info=<https://cr.example.com/shaken.pem>;alg=ES256",
    }


def custom_data(record: CallRecord) -> Json | None:
    """Data that an app sends; calls by phone have none."""
    if record.call_type not in ("Voice Inbound (App)", "Voice Scheduled (App)"):
        return None
    return {
        "appVersion": {"label": "App version", "value": f"5.{record.salt % 9}.0", "type": "string"},
        "plan": {"label": "Plan", "value": ("basic", "plus", "family")[record.salt % 3], "type": "string"},
        "openOrders": {"label": "Open orders", "value": record.salt % 4, "type": "number"},
    }


def participant(
    party: Participant, record: CallRecord, at: int, stamp: Stamp, headers: Json | None, held: int
) -> Json:
    """A participant at `at`. One who has not left yet has no end and no duration."""
    ended = 0 < party.ended_at <= at
    failed = party.fail_reason != "nothing"
    body: Json = {
        "id": party.row_id,
        "type": party.kind,
        "entry_type": "queue_or_transfer",
        "user_id": None,
        "end_user_id": None,
        "virtual_agent_id": None,
        "status": "failed" if failed else "finished" if ended else "connected",
        "fail_reason": party.fail_reason,
        "connected_at": stamp(party.connected_at),
        "sip_headers": None,
        "call_id": record.call_id,
        "call_duration": party.ended_at - party.connected_at if ended and party.connected_at else 0,
        "hold_duration": party.hold_seconds if ended and party.hold_seconds else None,
        "ended_at": stamp(party.ended_at) if ended else None,
        "agent_assist": None,
        "virtual_agent": None,
        "adapter_fail_code": party.adapter_code or None,
        "adapter_fail_message": MESSAGES.get(party.adapter_code),
    }
    who = party.who
    if isinstance(who, Agent):
        body["user_id"] = who.agent_id
        body.update(_agent_details(who))
        body["sip_headers"] = headers
    elif isinstance(who, VirtualAgent):
        body["virtual_agent_id"] = who.virtual_agent_id
        body["virtual_agent"] = {"conversation_id": f"1{record.salt % 99}{record.salt ^ party.row_id:x}"}
        body["virtual_agent_params"] = _virtual_agent_params(record, who)
        body["sip_headers"] = headers
    else:
        body["end_user_id"] = record.customer.customer_id
        body["phone_number"] = record.customer.phone
        body["sip_headers"] = headers
        body["hold_duration"] = held if ended else None
    return body


@cache
def _agent_details(agent: Agent) -> Json:
    return {
        "location": {
            "created_at": "2025-10-17T08:32:47.000-07:00",
            "id": agent.location_id,
            "lang": "en",
            "location": ("en-US", "en-CA", "es-MX")[agent.location_id - 1],
            "pop_settings": {"twilio": [], "nexmo": [], "telnyx": []},
            "updated_at": "2025-10-17T08:32:47.000-07:00",
        },
        "location_id": agent.location_id,
        "email": agent.email,
        "first_name": agent.first_name,
        "last_name": agent.last_name,
        "middle_name": None,
        "teams": [{"id": len(agent.team), "name": agent.team}],
    }


def _virtual_agent_params(record: CallRecord, machine: VirtualAgent) -> Json:
    """What the tenant passes to its virtual agent. Two keys differ only by case, as in real tenants."""
    return {
        "payload_type": "action",
        "payload_action": "escalation",
        "call_id": record.call_id,
        "callId": str(record.call_id),
        "callid": record.call_id,
        "ani": record.customer.phone,
        "dnis": "+15550100300",
        "queue_id": record.queue.queue_id if record.queue else None,
        "lang": record.queue.language if record.queue else "en",
        "application": machine.name,
        "tenant": "callmart-demo",
    }


def spans_of(record: CallRecord, kind: str, at: int, stamp: Stamp, held: int) -> list[Json]:
    """The caller's time in the call (`handle`) or in the menus (`menu`)."""
    return [
        _span(span, record, stamp, held) for span in record.spans if span.kind == kind and span.ended_at <= at
    ]


def events(record: CallRecord, at: int, stamp: Stamp) -> list[Json]:
    """The caller's payments and surveys."""
    return [
        {"id": span.row_id, "type": span.kind, "event": span.event, **_where(record), **_times(span, stamp)}
        for span in record.spans
        if span.kind in ("payment", "csat") and span.ended_at <= at
    ]


def _span(span: Span, record: CallRecord, stamp: Stamp, held: int) -> Json:
    if span.kind == "handle":
        return {
            "id": span.row_id,
            "call_duration": span.ended_at - span.started_at,
            "hold_duration": held,
            "started_at": stamp(span.started_at),
            "ended_at": stamp(span.ended_at),
        }
    where = (
        _where(record)
        if span.event == "finished"
        else {"menu_path_id": None, "menu_path": None, "lang": "en"}
    )
    return {"id": span.row_id, "event": span.event, **where, **_times(span, stamp)}


def _times(span: Span, stamp: Stamp) -> Json:
    return {
        "duration": span.ended_at - span.started_at,
        "started_at": stamp(span.started_at),
        "ended_at": stamp(span.ended_at),
    }


def _where(record: CallRecord) -> Json:
    queue = record.queue
    if queue is None:
        return {"menu_path_id": None, "menu_path": None, "lang": "en"}
    return {"menu_path_id": queue.queue_id, "menu_path": queue.path, "lang": queue.language}


def item_rows(record: CallRecord, array: str, at: int, stamp: Stamp) -> list[Json]:
    """The elements of one of the small arrays."""
    if not record.items:
        return []
    write = _ITEMS[array]
    return [write(item, record, stamp) for item in record.items if item.array == array and item.at <= at]


def _recording(item: Item, record: CallRecord, stamp: Stamp) -> Json:
    started_at, seconds, cuts, agent_id = item.values
    return {
        "id": item.row_id,
        "call_id": record.call_id,
        "conference_sid": f"CF{record.salt:016x}{item.row_id:016x}",
        "duration": seconds,
        "recording_type": "default" if agent_id else "voicemail",
        "redaction_times": [
            {
                "start": stamp(start),
                "start_agent_id": agent_id,
                "end": str(stamp(start + length // 1000)).replace(".000", f".{length % 1000:03d}"),
                "duration": length / 1000,
                "end_agent_id": agent_id,
            }
            for start, length in cuts
        ],
        "started_at": stamp(started_at),
    }


def _disposition(item: Item, record: CallRecord, stamp: Stamp) -> Json:
    agent_id, transfer, party_id, with_note = item.values
    listed = 2 if transfer else 1
    body = {
        "user_id": agent_id,
        "transfer_id": transfer.row_id if transfer else None,
        "participant_id": party_id,
        "code": _CODES[item.row_id - 1],
        "ujet_code_id": item.row_id,
        "list": _LISTS[listed - 1],
        "list_path": _LISTS[listed - 1],
        "ujet_list_id": listed,
        "custom_list_id": "",
        "custom_code_id": "",
    }
    if with_note:
        body["note"] = f"Caller will write about order {record.salt % 9000 + 1000}."
    return body


def _photo(item: Item, record: CallRecord, stamp: Stamp) -> Json:
    url = f"https://media.example.com/photo/{item.row_id}"
    return {"id": item.row_id, "photo_type": item.values[0], "url": url}


def _video(item: Item, record: CallRecord, stamp: Stamp) -> Json:
    return {"id": item.row_id, "url": f"https://media.example.com/video/{item.row_id}"}


def _text(item: Item, record: CallRecord, stamp: Stamp) -> Json:
    return {
        "id": item.row_id,
        "sent_at": stamp(item.values[0]),
        "to": record.customer.phone,
        "status": "delivered",
    }


def _deflection(item: Item, record: CallRecord, stamp: Stamp) -> Json:
    return {
        "id": item.row_id,
        "call_id": record.call_id,
        "transfer_id": None,
        "deflection": item.values[0],
        "from_menu_path": menu_object(record.queue) if record.queue else None,
    }


_ITEMS = {
    "recordings": _recording,
    "dispositions": _disposition,
    "photos": _photo,
    "videos": _video,
    "wait_time_sms": _text,
    "in_call_sms": _text,
    "deflection_details": _deflection,
}
