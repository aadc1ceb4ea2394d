"""The calls that the platform serves, which change over time.

The simulated centre (`simulator.centre`) and files (`simulator.replay`) provide calls. The platform uses them
through `CallSource`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class CallVersion:
    """A call at an instant: its id, and when its record last changed (UTC)."""

    call_id: int
    updated_at: datetime


class CallSource(Protocol):
    """Calls at an instant. The results for one instant are always the same."""

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        """Every call that exists at `now` (UTC), once each, in any order."""

    def body(self, call_id: int, now: datetime) -> dict[str, Any]:
        """The call's JSON object in the API at `now` (UTC)."""
