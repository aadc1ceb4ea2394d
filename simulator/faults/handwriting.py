"""Bodies with other spellings, additional values or missing values.

Each function changes a body in place, as decided by its generator. `Rewritten` applies one of them to a share of
calls; the effect may differ between versions of a call.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from simulator.calls import CallSource
from simulator.faults.chance import Chance, struck
from simulator.faults.layer import Json, Layer

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_OFFSETS_MINUTES = (0, -7 * 60, 5 * 60 + 30, 14 * 60, -(3 * 60 + 30))
_ENUMERATIONS = frozenset(
    {
        "call_type", "status", "fail_reason", "deflection", "finish_reason", "disconnected_by", "voicemail_reason",
        "recording_permission", "voip_provider", "answer_type", "type", "entry_type", "event",
        "service_level_event", "escalation_reason", "reason", "lang",
    }
)  # fmt: skip


class Rewritten(Layer):
    """The bodies of a `share` (0 to 1) of calls, rewritten."""

    def __init__(
        self, inner: CallSource, chance: Chance, share: float, rewrite: Callable[[Json, Random], None]
    ) -> None:
        super().__init__(inner)
        self._chance = chance
        self._struck = struck(chance, share)
        self._rewrite = rewrite

    def body(self, call_id: int, now: datetime) -> Json:
        body = self._inner.body(call_id, now)
        if self._struck[call_id]:
            self._rewrite(body, self._chance.random("how", call_id, body.get("updated_at")))
        return body


def mixed_offsets(body: Json, rng: Random) -> None:
    """Write the same instants with different offsets."""
    for holder, key in _leaves(body):
        value = holder[key]
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            zone = timezone(timedelta(minutes=rng.choice(_OFFSETS_MINUTES)))
            holder[key] = datetime.fromisoformat(value).astimezone(zone).isoformat(timespec="milliseconds")


def numeric_booleans(body: Json, rng: Random) -> None:
    """1 and 0 for about half of the booleans."""
    for holder, key in _leaves(body):
        if isinstance(holder[key], bool) and rng.random() < 0.5:
            holder[key] = int(holder[key])


def text_numbers(body: Json, rng: Random) -> None:
    """About a third of the whole numbers as text, possibly including the call's id."""
    for holder, key in _leaves(body):
        value = holder[key]
        if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 1 / 3:
            holder[key] = str(value)


def unknown_keys(body: Json, rng: Random) -> None:
    """New keys in the call, in some of its objects and in some rows of its arrays."""
    for holder in [body, *(each for each in _objects(body) if rng.random() < 0.3)]:
        holder[f"storm_{rng.randrange(3)}"] = rng.choice(
            (True, 2.5, "text", None, [1, {"a": None}], {"b": [2]})
        )
        if rng.random() < 0.3:
            holder[rng.choice(("storm.dotted", "Storm Größe", "storm'quoted\"", "$storm"))] = 1


def unknown_values(body: Json, rng: Random) -> None:
    """About a third of the enumerations with an undocumented value."""
    for holder, key in _leaves(body):
        if key in _ENUMERATIONS and isinstance(holder[key], str) and rng.random() < 1 / 3:
            holder[key] = f"storm_value_{rng.randrange(3)}"


def null_arrays(body: Json, rng: Random) -> None:
    """null for about half of the arrays, empty or not."""
    for holder, key in _arrays(body):
        if rng.random() < 0.5:
            holder[key] = None


def missing_arrays(body: Json, rng: Random) -> None:
    """About half of the arrays are missing, empty or not."""
    for holder, key in _arrays(body):
        if rng.random() < 0.5:
            del holder[key]


def _objects(value: Json | list[Any]) -> list[Json]:
    """The objects inside `value`, at any depth, without itself."""
    found: list[Json] = []
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict):
            found.append(each)
        if isinstance(each, dict | list):
            found += _objects(each)
    return found


def _leaves(body: Json) -> list[tuple[Json, str]]:
    """Every value that is neither an object nor an array, as its object and key."""
    return [
        (holder, key)
        for holder in (body, *_objects(body))
        for key, value in holder.items()
        if not isinstance(value, dict | list)
    ]


def _arrays(body: Json) -> list[tuple[Json, str]]:
    return [
        (holder, key)
        for holder in (body, *_objects(body))
        for key, value in holder.items()
        if isinstance(value, list)
    ]
