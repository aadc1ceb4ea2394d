"""The contact centre that `callmart demo` and `callmart platform serve` share: the same seed, the same calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SEED = 20_260_302
START = datetime(2026, 3, 2, 14, tzinfo=UTC)  # Monday, 9:00 in New York, whose clocks change on the 8th
DAYS = 14
END = START + timedelta(days=DAYS)
TIME_ZONE = "America/New_York"
