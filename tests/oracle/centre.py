"""A whole centre read from bodies, and its clock: intervals, local dates, what is final."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from tests.oracle import rules
from tests.oracle.calls import UNKNOWN, read_call
from tests.oracle.handled import NOBODY, handled_segments
from tests.oracle.percentiles import percentile
from tests.oracle.raw import Json, elapsed, elements, number, some_instant
from tests.oracle.segments import queue_segments
from tests.oracle.transfers import transfers
from tests.oracle.virtual_agents import sessions

BASE_MINUTES = 15
NAMED_ROWS = (
    "queue_durations",
    "handle_durations",
    "virtual_agent_handle_durations",
    "consumer_in_menu_durations",
)


class Centre:
    """Every grain of every call, and the zone its days are cut by."""

    def __init__(self, bodies: Sequence[Json], reporting_timezone: str) -> None:
        self.zone = ZoneInfo(reporting_timezone)
        self.calls = {body["id"]: read_call(body) for body in bodies}
        calls = self.calls.values()
        self.handled = {call.call_id: handled_segments(call) for call in calls}
        self.transfers = {call.call_id: transfers(call, self.handled[call.call_id]) for call in calls}
        self.segments = {
            call.call_id: queue_segments(call, self.handled[call.call_id], self.transfers[call.call_id])
            for call in calls
        }
        self.sessions = {
            call.call_id: sessions(call, self.handled[call.call_id], self.transfers[call.call_id])
            for call in calls
        }
        self.queue_names = _newest_names(bodies)
        self.as_of = max(call.updated_at for call in calls)
        self.lateness_seconds = max(
            percentile([elapsed(call.ended_at, call.updated_at) for call in calls if call.ended_at], 0.99)
            or 0,
            rules.LATENESS_FLOOR_SECONDS,
        )

    def queue_name(self, queue_id: int) -> str:
        """The newest name of a queue; its number where nobody named it."""
        return UNKNOWN if queue_id == NOBODY else self.queue_names.get(queue_id, str(queue_id))

    def local_date(self, at: dt.datetime) -> dt.date:
        """The date a clock on the wall shows."""
        return at.astimezone(self.zone).date()

    def local_clock(self, at: dt.datetime) -> dt.datetime:
        """What that clock shows, without an offset."""
        return at.astimezone(self.zone).replace(tzinfo=None)

    def offset_minutes(self, at: dt.datetime) -> int:
        """How far it is ahead of UTC."""
        offset = at.astimezone(self.zone).utcoffset()
        assert offset is not None
        return int(offset.total_seconds() // 60)

    def day_end(self, date: dt.date) -> dt.datetime:
        """The midnight at which a local date ends, in UTC."""
        midnight = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), tzinfo=self.zone)
        return midnight.astimezone(dt.UTC)

    def is_final(self, end: dt.datetime, is_open: bool) -> bool:
        """Whether what ended then is past the reach of late updates."""
        return not is_open and end + dt.timedelta(seconds=self.lateness_seconds) <= self.as_of


def interval_start(at: dt.datetime, minutes: int) -> dt.datetime:
    """Start of the interval in which an instant lies, counted in UTC."""
    length = minutes * 60
    return dt.datetime.fromtimestamp(int(at.timestamp()) // length * length, tz=dt.UTC)


def _newest_names(bodies: Sequence[Json]) -> dict[int, str]:
    named = [
        (some_instant(row, "started_at"), queue_id, row["menu_path"])
        for body in bodies
        for array in NAMED_ROWS
        for row in elements(body, array)
        if (queue_id := number(row, "menu_path_id")) is not None and row.get("menu_path")
    ]
    return {queue_id: name for _, queue_id, name in sorted(named)}
