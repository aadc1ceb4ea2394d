"""What the platform serves: calls that change with time.

Two things provide calls: the simulated centre (`simulator.centre`) and files (`simulator.replay`).
The platform knows them only through `CallSource`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class CallVersion:
    """A call as it stands at some instant: which call, and when its record last changed (UTC)."""

    call_id: int
    updated_at: datetime


class CallSource(Protocol):
    """Calls as they stand at an instant. Answers for the same instant never differ."""

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        """Every call that exists at `now` (UTC), once each, in no particular order."""

    def body(self, call_id: int, now: datetime) -> dict[str, Any]:
        """The call's JSON object as the API shows it at `now` (UTC)."""
