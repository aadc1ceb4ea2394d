"""Calls that change at known instants: a hand-written call source."""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.calls import CallVersion

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """An instant as the API writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def a_call(call_id: int, **fields: Any) -> dict[str, Any]:
    """A small finished call, with `fields` replaced."""
    call = {
        "id": call_id,
        "lang": "en",
        "call_type": "Voice Inbound (IVR)",
        "status": "finished",
        "created_at": stamp(START),
        "fail_reason": "nothing",
        "deflection": "no_deflection",
        "transfers": [],
        "handle_durations": [],
        "queue_durations": [],
        "participants": [],
    }
    return call | fields


@dataclass
class LivingCalls:
    """Calls with their versions, each with the instant (UTC) from which it applies."""

    history: dict[int, list[tuple[datetime, dict[str, Any]]]] = field(default_factory=dict)

    def put(self, moment: datetime, call: dict[str, Any]) -> None:
        """Set a call's version from `moment` on; its `updated_at` is `moment` unless `call` has one."""
        versions = self.history.setdefault(call["id"], [])
        versions.append((moment, {"updated_at": stamp(moment)} | call))
        versions.sort(key=lambda version: version[0])

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        return [
            CallVersion(call_id, self._at(call_id, now)[0])
            for call_id, versions in self.history.items()
            if versions[0][0] <= now
        ]

    def body(self, call_id: int, now: datetime) -> dict[str, Any]:
        return copy.deepcopy(self._at(call_id, now)[1])

    def truth(self, now: datetime) -> dict[int, dict[str, Any]]:
        """Every call at `now`."""
        return {version.call_id: self.body(version.call_id, now) for version in self.versions(now)}

    def _at(self, call_id: int, now: datetime) -> tuple[datetime, dict[str, Any]]:
        versions = self.history[call_id]
        return versions[bisect_right([moment for moment, _ in versions], now) - 1]


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)
