"""Calls that become visible late, are dated in the future, or vanish."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from simulator.calls import CallSource, CallVersion
from simulator.faults.chance import Chance, Remembered, struck
from simulator.faults.layer import Json, Layer, instant_in, stamp, updated_at

_AHEAD = (timedelta(hours=1), timedelta(days=1), timedelta(days=400))
_LIVES_AT_LEAST_SECONDS = 2 * 3600
_LIVES_AT_MOST_SECONDS = 10 * 3600


class Late(Layer):
    """A `share` (0 to 1) of calls is shown as of a third of `seconds` ago, or all of it.

    So each version appears only when its `updated_at` is that old, which a reader may have passed.
    """

    def __init__(self, inner: CallSource, chance: Chance, share: float, seconds: int) -> None:
        super().__init__(inner)
        # Largest delay first: moving back in time is slow for a source, moving forward is not.
        self._delays = (timedelta(seconds=seconds), timedelta(seconds=seconds / 3), timedelta())

        def delay(call_id: int) -> timedelta:
            drawn = chance.share(call_id)
            return self._delays[0 if drawn < share / 2 else 1 if drawn < share else 2]

        self._delay_of = Remembered(delay)

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        delay_of = self._delay_of
        return [
            version
            for delay in self._delays
            for version in self._inner.versions(now - delay)
            if delay_of[version.call_id] is delay
        ]

    def body(self, call_id: int, now: datetime) -> Json:
        return self._inner.body(call_id, now - self._delay_of[call_id])


class Future(Layer):
    """A `share` (0 to 1) of calls is dated in the future, by an hour, a day or 400 days."""

    def __init__(self, inner: CallSource, chance: Chance, share: float) -> None:
        super().__init__(inner)
        self._chance = chance
        self._struck = struck(chance, share)

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        strikes = self._struck
        return [
            CallVersion(each.call_id, each.updated_at + self._ahead(each.call_id))
            if strikes[each.call_id]
            else each
            for each in self._inner.versions(now)
        ]

    def body(self, call_id: int, now: datetime) -> Json:
        body = self._inner.body(call_id, now)
        changed = updated_at(body) if self._struck[call_id] else None
        if changed is not None:
            body["updated_at"] = stamp(changed + self._ahead(call_id))
        return body

    def _ahead(self, call_id: int) -> timedelta:
        return _AHEAD[self._chance.number("how far", call_id) % len(_AHEAD)]


class Vanishing(Layer):
    """A `share` (0 to 1) of calls is gone for good 2 to 10 hours after its `created_at`."""

    def __init__(self, inner: CallSource, chance: Chance, share: float) -> None:
        super().__init__(inner)
        self._chance = chance
        self._struck = struck(chance, share)
        self._ends: dict[int, datetime | None] = {}

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        strikes = self._struck
        return [
            each
            for each in self._inner.versions(now)
            if not strikes[each.call_id] or not self._gone(each.call_id, now)
        ]

    def body(self, call_id: int, now: datetime) -> Json:
        """The call at `now`. Raises KeyError if it has vanished."""
        if self._struck[call_id] and self._gone(call_id, now):
            raise KeyError(call_id)
        return self._inner.body(call_id, now)

    def vanished(self, now: datetime) -> frozenset[int]:
        """The calls that have vanished."""
        return frozenset(
            each.call_id
            for each in self._inner.versions(now)
            if self._struck[each.call_id] and self._gone(each.call_id, now)
        )

    def _gone(self, call_id: int, now: datetime) -> bool:
        if call_id not in self._ends:
            begun = instant_in(self._inner.body(call_id, now), "created_at")
            lives = _LIVES_AT_LEAST_SECONDS + self._chance.number("how long", call_id) % (
                _LIVES_AT_MOST_SECONDS - _LIVES_AT_LEAST_SECONDS
            )
            self._ends[call_id] = begun + timedelta(seconds=lives) if begun is not None else None
        end = self._ends[call_id]
        return end is not None and end <= now
