"""Instants as the API writes them, quickly.

Epoch seconds → `2026-03-23T13:12:51.000Z`, or with the centre's own offset, as in real payloads.
Days and seconds of the day are looked up: a body holds dozens of instants.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from simulator.centre.calendar import Calendar

Stamp = Callable[[int], str | None]
"""Epoch seconds to text; 0, for an instant that has not happened, to None."""

_CLOCK = [f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}.000" for s in range(86_400)]


class Stamps:
    """Both ways of writing instants, for one centre."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._days: dict[int, str] = {}
        self._offsets: dict[int, tuple[int, str]] = {}

    def utc(self, at: int) -> str | None:
        """With `Z`, as the API's page documents."""
        return self._write(at, "Z") if at else None

    def local(self, at: int) -> str | None:
        """With the centre's offset at that instant, as payload files have it."""
        if not at:
            return None
        quarter = at // 900  # offsets change on quarter hours, everywhere
        shift, suffix = self._offsets.get(quarter) or self._offset(quarter)
        return self._write(at + shift, suffix)

    def _write(self, at: int, suffix: str) -> str:
        day, second = divmod(at, 86_400)
        date = self._days.get(day)
        if date is None:
            date = self._days[day] = datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
        return date + _CLOCK[second] + suffix

    def _offset(self, quarter: int) -> tuple[int, str]:
        offset = self._calendar.local(quarter * 900).utcoffset()
        seconds = int(offset.total_seconds()) if offset else 0
        sign = "-" if seconds < 0 else "+"
        hours, minutes = divmod(abs(seconds) // 60, 60)
        self._offsets[quarter] = (seconds, f"{sign}{hours:02d}:{minutes:02d}")
        return self._offsets[quarter]
