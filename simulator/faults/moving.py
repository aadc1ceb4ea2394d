"""Calls that are updated while pages are read.

Requests touch calls at future instants, and the layer shows them touched from these instants on. So results for one
instant are always the same, as a `CallSource` promises.

A reader that uses page numbers misses a call for each call it has read that then moves to the end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from simulator.calls import CallSource, CallVersion
from simulator.faults.layer import Json, Layer, stamp, updated_at


class Touches:
    """The calls that are touched, and when (UTC). Filled by the requests of a storm."""

    def __init__(self) -> None:
        self._instants: dict[int, list[datetime]] = {}
        self.count = 0

    def touch(self, call_id: int, at: datetime) -> None:
        """Let the call change at `at`, which is in the future."""
        # a new list, because another thread may be reading the old one
        self._instants[call_id] = sorted({*self._instants.get(call_id, ()), at})
        self.count += 1

    def until(self, call_id: int, now: datetime) -> list[datetime]:
        """When the call was touched up to `now`, in order."""
        instants = self._instants.get(call_id, [])
        return instants[: bisect_right(instants, now)]

    def __contains__(self, call_id: int) -> bool:
        return call_id in self._instants


class Touched(Layer):
    """A touched call has the number of touches in `queue_priority_level`, so that a missed one is noticed."""

    def __init__(self, inner: CallSource, touches: Touches) -> None:
        super().__init__(inner)
        self._touches = touches

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        versions = self._inner.versions(now)
        if not self._touches.count:
            return versions
        touched = self._touches
        return [self._version(each, now) if each.call_id in touched else each for each in versions]

    def _version(self, version: CallVersion, now: datetime) -> CallVersion:
        instants = self._touches.until(version.call_id, now)
        if not instants or instants[-1] <= version.updated_at:
            return version
        return CallVersion(version.call_id, instants[-1])

    def body(self, call_id: int, now: datetime) -> Json:
        body = self._inner.body(call_id, now)
        instants = self._touches.until(call_id, now)
        if instants:
            body["queue_priority_level"] = len(instants)
            changed = updated_at(body)
            if changed is not None and changed < instants[-1]:
                body["updated_at"] = stamp(instants[-1])
        return body
