"""Calls that change again after their source's last change.

A call that has not changed for a while gets a version that its source does not have, with an edited body. When the
source changes it again, the edit is undone and applied again later: so arrays shrink, grow and shrink.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from simulator.calls import CallSource, CallVersion
from simulator.faults.chance import Chance, struck
from simulator.faults.layer import Json, Layer, stamp, updated_at

Edit = Callable[[Json, Random], None]
"""Changes a body in place."""


class Afterwards(Layer):
    """A `share` (0 to 1) of calls is edited `shortest` to `longest` after each of their changes."""

    def __init__(
        self,
        inner: CallSource,
        chance: Chance,
        share: float,
        edit: Edit,
        *,
        shortest: timedelta,
        longest: timedelta,
    ) -> None:
        super().__init__(inner)
        self._chance = chance
        self._struck = struck(chance, share)
        self._edit = edit
        self._shortest = int(shortest.total_seconds())
        self._spread = int((longest - shortest).total_seconds())

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        strikes = self._struck
        return [
            self._version(each, now) if strikes[each.call_id] else each for each in self._inner.versions(now)
        ]

    def body(self, call_id: int, now: datetime) -> Json:
        body = self._inner.body(call_id, now)
        changed = updated_at(body) if self._struck[call_id] else None
        if changed is not None and (again := self._again(call_id, changed)) <= now:
            self._edit(body, self._chance.random("edit", call_id, changed))
            body["updated_at"] = stamp(again)
        return body

    def _version(self, version: CallVersion, now: datetime) -> CallVersion:
        again = self._again(version.call_id, version.updated_at)
        return CallVersion(version.call_id, again) if again <= now else version

    def _again(self, call_id: int, changed: datetime) -> datetime:
        """When the call that changed at `changed` changes again."""
        seconds = self._shortest + self._chance.number("after", call_id) % (self._spread + 1)
        return changed.replace(microsecond=0) + timedelta(seconds=seconds)


class Silent(Afterwards):
    """The same without a new `updated_at`: only reading the call again shows the change."""

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        return self._inner.versions(now)

    def body(self, call_id: int, now: datetime) -> Json:
        body = self._inner.body(call_id, now)
        changed = updated_at(body) if self._struck[call_id] else None
        if changed is not None and self._again(call_id, changed) <= now:
            self._edit(body, self._chance.random("edit", call_id, changed))
        return body

    def silent(self, now: datetime) -> frozenset[int]:
        """The calls that have changed by `now` since their `updated_at`."""
        return frozenset(
            each.call_id
            for each in self._inner.versions(now)
            if self._struck[each.call_id] and self._again(each.call_id, each.updated_at) <= now
        )


# --- edits ----------------------------------------------------------------------------------------

_PERSONAL = frozenset(
    {
        "name", "first_name", "last_name", "email", "identifier", "out_contact_id", "phone_number",
        "outbound_number", "agent_number", "avatar_url", "feedback", "note", "smart_action_text", "sip_headers",
        "virtual_agent_params", "recording_url", "url", "to",
    }
)  # fmt: skip


def shrink(body: Json, rng: Random) -> None:
    """Shorten every array with elements to its first few, or none."""
    for value in body.values():
        if isinstance(value, list) and value:
            del value[rng.randrange(len(value)) :]
        for inner in _objects(value):
            shrink(inner, rng)


def redact(body: Json, rng: Random) -> None:
    """Replace names, addresses and texts by null or a word."""
    for key, value in body.items():
        if key in _PERSONAL and value is not None:
            body[key] = "[REDACTED]" if isinstance(value, str) and rng.random() < 0.5 else None
        else:
            for inner in _objects(value):
                redact(inner, rng)


def correct(body: Json, rng: Random) -> None:
    """Correct wrap-up times, as the vendor has done, and a field that every call has."""
    body["is_out_ticket_account"] = not body.get("is_out_ticket_account")
    for leg in _objects(body.get("handle_durations")):
        if isinstance(leg.get("acw_duration"), int):
            leg["acw_duration"] += rng.randint(1, 60)


def _objects(value: Any) -> Iterable[Json]:
    """The object `value`, or the objects in the array `value`."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]
