"""One call, with the meaning of its enumerations."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tests.oracle import rules
from tests.oracle.raw import Json, elements, id_inside, instant, number, seconds, some_instant

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Call:
    """A call in its newest version; instants are UTC."""

    body: Json
    call_id: int
    parent_id: int | None
    call_type: str
    direction: str
    created_at: dt.datetime
    ended_at: dt.datetime | None
    updated_at: dt.datetime
    is_ended: bool
    fail_reason: str | None
    deflection: str | None
    flowed_out_as: str | None
    end_user: int | None

    @property
    def is_menu_abandon(self) -> bool:
        """The caller hung up in the menus."""
        return self.fail_reason in rules.MENU_ABANDONS

    @property
    def is_over(self) -> bool:
        """Ended, or left for a voicemail or an appointment."""
        return self.is_ended or self.flowed_out_as is not None

    @property
    def is_contact(self) -> bool:
        """Inbound, over, and not a call-back."""
        return self.is_of_own_accord and self.is_over

    @property
    def is_of_own_accord(self) -> bool:
        """Inbound, and not a call-back."""
        return self.direction == "inbound" and self.parent_id is None

    @property
    def has_entered_menu(self) -> bool:
        """The caller was in the menus."""
        return bool(elements(self.body, "consumer_in_menu_durations")) or self.is_menu_abandon

    @property
    def menu_seconds(self) -> int:
        """Seconds in the menus."""
        return sum(seconds(row, "duration") for row in elements(self.body, "consumer_in_menu_durations"))


def read_call(body: Json) -> Call:
    """The call of a body."""
    call_type = body.get("call_type") or UNKNOWN
    status = body.get("status")
    ended_at = instant(body, "ends_at")
    deflection = body.get("deflection")
    if deflection in rules.NO_DEFLECTIONS:
        deflection = None
    return Call(
        body=body,
        call_id=body["id"],
        parent_id=number(body, "parent_id"),
        call_type=call_type,
        direction=_direction(call_type),
        created_at=some_instant(body, "created_at"),
        ended_at=ended_at,
        updated_at=some_instant(body, "updated_at"),
        is_ended=rules.STATUS_IS_FINAL.get(status or "", ended_at is not None),
        fail_reason=body.get("fail_reason"),
        deflection=deflection,
        flowed_out_as=_flowed_out_as(status, body.get("voicemail_reason"), deflection),
        end_user=id_inside(body, "end_user"),
    )


def _direction(call_type: str) -> str:
    """As listed; for an unlisted label, by its first words."""
    if call_type in rules.DIRECTIONS:
        return rules.DIRECTIONS[call_type]
    for words, direction in _FIRST_WORDS.items():
        if call_type.startswith(words):
            return direction
    return UNKNOWN


_FIRST_WORDS = {
    "Voice Inbound": "inbound",
    "Voice Callback": "inbound",
    "Voice Outbound": "outbound",
    "Voice Scheduled": "outbound",
    "Voice Campaign": "outbound",
}


def _flowed_out_as(status: str | None, voicemail_reason: str | None, deflection: str | None) -> str | None:
    """voicemail, scheduled or deflected: a voicemail or an appointment exists, or the caller was sent elsewhere."""
    if status in rules.STATUS_FLOWS_OUT_AS:
        return rules.STATUS_FLOWS_OUT_AS[status]
    if voicemail_reason not in (None, "not_voicemail"):
        return "voicemail"
    return None if deflection is None else "deflected"
