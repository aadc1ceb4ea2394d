"""A layer over the platform's calls that records every version it returned."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from typing import Any

from simulator.faults.layer import Layer


class Served(Layer):
    """Passes everything through, and keeps each body as text."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self._bodies: dict[int, set[str]] = defaultdict(set)

    def body(self, call_id: int, now: datetime) -> dict[str, Any]:
        body = self._inner.body(call_id, now)
        self._bodies[call_id].add(json.dumps(body, sort_keys=True))
        return body

    def versions_of(self, call_id: int) -> list[dict[str, Any]]:
        """Every version of the call that was returned."""
        return [json.loads(body) for body in sorted(self._bodies[call_id])]
