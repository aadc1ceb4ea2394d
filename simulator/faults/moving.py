"""Calls that are updated while they are being paged.

Requests touch calls, at instants that have not come yet when they do; the layer shows them touched
from these instants on. So answers for one instant never differ, as a `CallSource` promises.

What is lost to whom: a reader that goes by page numbers misses a call for each one that it has read
and that moves to the end behind it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime

from simulator.calls import CallSource, CallVersion
from simulator.faults.layer import Json, Layer, stamp, updated_at


class Touches:
    """When which call is touched (UTC). Kept by a storm, filled by its requests."""

    def __init__(self) -> None:
        self._instants: dict[int, list[datetime]] = {}
        self.count = 0

    def touch(self, call_id: int, at: datetime) -> None:
        """The call changes at `at`, which is yet to come."""
        # a new list: another thread may be looking for the truth in the old one
        self._instants[call_id] = sorted({*self._instants.get(call_id, ()), at})
        self.count += 1

    def until(self, call_id: int, now: datetime) -> list[datetime]:
        """When the call was touched up to `now`, in order."""
        instants = self._instants.get(call_id, [])
        return instants[: bisect_right(instants, now)]

    def __contains__(self, call_id: int) -> bool:
        return call_id in self._instants


class Touched(Layer):
    """A touched call says how often it was, in `queue_priority_level`: who missed it has another number."""

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
