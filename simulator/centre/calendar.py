"""The centre's local time: opening hours and shifts.

Epoch seconds (UTC) ↔ the centre's local weekday and hour. Everything else in the simulation uses
whole UTC seconds, so only this module deals with time zones and with days of 23 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from simulator.centre.people import Agent
from simulator.centre.queues import Queue

SHIFT_HOURS = 8.0
BREAK_AFTER_HOURS = 3.5
BREAK_SECONDS = 1800
SICK_SHARE = 0.04
CLOSING_GRACE_SECONDS = 1800
"""How long agents stay after closing, for callers who are still waiting."""


@dataclass(frozen=True)
class Calendar:
    """Local time of one centre."""

    zone: ZoneInfo

    def local(self, at: int) -> datetime:
        """The local wall clock at an epoch second."""
        return datetime.fromtimestamp(at, self.zone)

    def epoch(self, day: date, hour: float) -> int:
        """Epoch second of a local hour (8.5 = 08:30) of a local day."""
        midnight = datetime.combine(day, time(), self.zone)
        wall = midnight + timedelta(seconds=round(hour * 3600))
        return int(wall.astimezone(UTC).timestamp())

    def days(self, start: int, end: int) -> Iterator[date]:
        """The local days that touch `[start, end)`, in order."""
        day = self.local(start).date()
        while self.epoch(day, 0) < end:
            yield day
            day += timedelta(days=1)

    def is_open(self, queue: Queue, at: int) -> bool:
        """Whether the queue takes calls at an epoch second: opening inclusive, closing exclusive."""
        wall = self.local(at)
        hours = queue.hours(wall.weekday())
        return hours is not None and hours[0] <= wall.hour < hours[1]

    def slot(self, queue: Queue, earliest: int, rng: Random) -> int:
        """A time to call somebody back: within opening hours, at or after `earliest`, on a quarter hour."""
        day = self.local(earliest).date()
        while True:
            hours = queue.hours(day.weekday())
            if hours is not None:
                first = max(earliest, self.epoch(day, hours[0]))
                last = self.epoch(day, hours[1]) - 3600  # later ones might not be handled before closing
                if first <= last:
                    chosen = rng.randint(first, min(last, first + 4 * 3600))
                    return min(last, chosen + -chosen % 900)
            day += timedelta(days=1)

    def shifts(self, agent: Agent, seed: int, days: Iterator[date]) -> Iterator[tuple[int, int]]:
        """When an agent takes calls: epoch seconds `[from, until)`, in order, around the break."""
        for day in days:
            weekday = day.weekday()
            if weekday in agent.days_off:
                continue
            if Random(f"{seed}:shift:{agent.agent_id}:{day}").random() < SICK_SHARE:
                continue
            opens, closes = ((8, 20), (9, 17), (10, 16))[max(0, weekday - 4)]
            start = self.epoch(day, max(agent.starts_hour, opens - 0.25))
            end = min(start + round(SHIFT_HOURS * 3600), self.epoch(day, closes) + CLOSING_GRACE_SECONDS)
            pause = start + round(BREAK_AFTER_HOURS * 3600)
            if pause + BREAK_SECONDS < end:
                yield start, pause
                yield pause + BREAK_SECONDS, end
            else:
                yield start, end
