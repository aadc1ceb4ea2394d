"""A whole centre read from bodies, and its clock: intervals, local dates, what is final."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from tests.oracle import rules
from tests.oracle.calls import UNKNOWN, Call, read_call
from tests.oracle.handled import NOBODY, handled_segments
from tests.oracle.percentiles import percentile
from tests.oracle.raw import Json, elapsed, elements, instant, number, some_instant
from tests.oracle.segments import queue_segments
from tests.oracle.transfers import transfers
from tests.oracle.virtual_agents import sessions

BASE_MINUTES = 15

REACHED_AT = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
"""When `dbt_raw.land` says its loads were complete: changes dated later tell nothing of how far the data reach."""


class Centre:
    """Every grain of every call, and the zone its days are cut by."""

    def __init__(
        self, bodies: Sequence[Json], reporting_timezone: str, queue_timezones: Mapping[int, str]
    ) -> None:
        self._zone = ZoneInfo(reporting_timezone)
        self._queue_zones = {queue_id: ZoneInfo(zone) for queue_id, zone in queue_timezones.items()}
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
        self.agent_names = _newest_agent_names(bodies)
        reached = [call for call in calls if call.updated_at <= REACHED_AT]
        self.as_of = max(call.updated_at for call in reached)
        self.lateness_seconds = max(
            percentile(_lateness(reached), 0.99) or 0,
            rules.LATENESS_FLOOR_SECONDS,
        )

    def queue_name(self, queue_id: int) -> str:
        """The newest name on a wait; the id if the queue has no waits or no name."""
        return UNKNOWN if queue_id == NOBODY else self.queue_names.get(queue_id, str(queue_id))

    def agent_name(self, agent_id: int) -> str:
        """The newest name seen on a call, a transfer or an escalation; the number of an agent whom none names."""
        return self.agent_names.get(agent_id, str(agent_id))

    def zone(self, queue_id: int | None) -> ZoneInfo:
        """The queue's own zone, else that of the reports."""
        return self._zone if queue_id is None else self._queue_zones.get(queue_id, self._zone)

    def local_date(self, at: dt.datetime, queue_id: int | None = None) -> dt.date:
        """The local date."""
        return self.local_clock(at, queue_id).date()

    def local_clock(self, at: dt.datetime, queue_id: int | None = None) -> dt.datetime:
        """The local time, without an offset."""
        return at.astimezone(self.zone(queue_id)).replace(tzinfo=None)

    def offset_minutes(self, at: dt.datetime, queue_id: int | None = None) -> int:
        """The offset from UTC in minutes."""
        return elapsed(at, self.local_clock(at, queue_id).replace(tzinfo=dt.UTC)) // 60

    def day_end(self, date: dt.date, queue_id: int | None = None) -> dt.datetime:
        """The midnight at which a local date ends, in UTC."""
        midnight = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), tzinfo=self.zone(queue_id))
        return midnight.astimezone(dt.UTC)

    def is_final(self, end: dt.datetime, is_open: bool) -> bool:
        """Whether an interval that ended then is final."""
        is_settled = not is_open or end + rules.UNFINISHED <= self.as_of
        return is_settled and end + dt.timedelta(seconds=self.lateness_seconds) <= self.as_of


def _lateness(calls: Sequence[Call]) -> list[int]:
    """Seconds from a call's end to its newest change."""
    return [
        elapsed(call.ended_at, call.updated_at)
        for call in calls
        if call.is_ended and call.ended_at is not None and call.ended_at <= call.updated_at
    ]


def interval_start(at: dt.datetime, minutes: int) -> dt.datetime:
    """Start of the interval in which an instant lies, counted in UTC."""
    length = minutes * 60
    return dt.datetime.fromtimestamp(int(at.timestamp()) // length * length, tz=dt.UTC)


def _newest_names(bodies: Sequence[Json]) -> dict[int, str]:
    named = [
        (some_instant(row, "started_at"), queue_id, row["menu_path"])
        for body in bodies
        for row in elements(body, "queue_durations")
        if (queue_id := number(row, "menu_path_id")) is not None and row.get("menu_path")
    ]
    return {queue_id: name for _, queue_id, name in sorted(named)}


def _newest_agent_names(bodies: Sequence[Json]) -> dict[int, str]:
    named = []
    for body in bodies:
        shown = instant(body, "created_at") or some_instant(body, "updated_at")
        mentions = [(shown, body.get("agent_info"))]
        for row in elements(body, "transfers"):
            at = instant(row, "created_at") or shown
            mentions += [(at, row.get("from_agent")), (at, row.get("to_agent"))]
        for row in elements(body, "escalations"):
            mentions.append((instant(row, "created_at") or shown, row.get("to_agent")))
        named += [
            (at, body["id"], agent["id"], agent["name"])
            for at, agent in mentions
            if agent and agent.get("id") is not None and agent.get("name")
        ]
    named.sort(key=lambda each: each[:2])
    return {agent_id: name for _, _, agent_id, name in named}
