"""A call source on top of another, which changes its calls: the base of data faults.

Layers are stacked. The lowest, `Copied`, returns bodies that the layers above may change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from simulator.calls import CallSource, CallVersion
from simulator.platform.instants import readable_instant

Json = dict[str, Any]


class Layer:
    """Passes everything through. A layer above may change the bodies."""

    def __init__(self, inner: CallSource) -> None:
        self._inner = inner

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        """Every call that exists at `now` (UTC), once each."""
        return self._inner.versions(now)

    def body(self, call_id: int, now: datetime) -> Json:
        """The call at `now` (UTC)."""
        return self._inner.body(call_id, now)


class Copied(Layer):
    """Copies bodies, because sources share objects between bodies and a fault would change all of them."""

    def body(self, call_id: int, now: datetime) -> Json:
        # Through JSON and back: five times as fast as copying.
        return orjson.loads(orjson.dumps(self._inner.body(call_id, now)))


def updated_at(body: Json) -> datetime | None:
    """When the call last changed (UTC), by its body; `None` if unreadable."""
    return instant_in(body, "updated_at")


def instant_in(body: Json, key: str) -> datetime | None:
    """The instant (UTC) under a key; `None` if missing or unreadable."""
    return readable_instant(body.get(key))


def stamp(at: datetime) -> str:
    """An instant as the API writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
