"""Small random centres as JSON, as odd as the API allows: any mix of waits, legs, words and gaps.

Hypothesis draws the plan of a centre; its hundreds of calls come from a generator seeded by that plan, because one
example of Hypothesis cannot hold so many choices. Bodies are made here directly, not by the simulator: a simulated
centre only contains what somebody thought of as a story.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.oracle import rules
from tests.oracle.raw import Json

YEAR = 2025
ZONES = (
    *("UTC", "America/New_York", "Europe/Berlin", "America/Santiago"),
    *("Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham"),
)
"""Among them changes of half an hour, offsets of 45 minutes, and clocks that change at midnight."""

QUEUES = {4: "Support", 8: "Support/Billing", 11: "Sales", 21: "Returns"}
OLD_NAMES = {11: "Shop", 21: "Sending back"}
"""Until the middle of the year."""
AGENTS = (5, 6, 7, 8)
ARRAYS = (
    *("consumer_in_menu_durations", "virtual_agent_handle_durations", "virtual_agent_deflected_escalations"),
    *("escalations", "queue_durations", "handle_durations", "transfers"),
)


@dataclass(frozen=True)
class Plan:
    """What a centre is made from."""

    seed: int
    calls: int
    reporting_timezone: str
    queue_timezones: tuple[tuple[int, str], ...]
    """Queue and zone, for queues that are not in the reporting zone."""

    def bodies(self) -> list[Json]:
        """The centre's calls; the same for the same plan."""
        return _Calls(self).bodies


def plans(calls: int, reporting_timezone: str) -> st.SearchStrategy[Plan]:
    """Plans of centres of so many calls that report in a zone."""
    zones = st.dictionaries(st.sampled_from([*QUEUES]), st.sampled_from(ZONES), min_size=2)
    return st.builds(
        Plan,
        seed=st.integers(0, 2**32),
        calls=st.just(calls),
        reporting_timezone=st.just(reporting_timezone),
        queue_timezones=zones.map(lambda each: tuple(each.items())),
    )


@cache
def moments(zone: str) -> list[dt.datetime]:
    """The instants of the year around which a zone's dates are most easily miscounted: both changes, a midnight."""
    local = ZoneInfo(zone)
    hours = [dt.datetime(YEAR, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=hour) for hour in range(365 * 24)]
    changes = [
        hour
        for hour, next_hour in pairwise(hours)
        if hour.astimezone(local).utcoffset() != next_hour.astimezone(local).utcoffset()
    ]
    return [*changes, dt.datetime(YEAR, 6, 11, tzinfo=local).astimezone(dt.UTC)]


class _Calls:
    """The calls of one plan, one after another."""

    def __init__(self, plan: Plan) -> None:
        self.random = random.Random(plan.seed)
        zones = {plan.reporting_timezone, *dict(plan.queue_timezones).values()}
        self.moments = [moment for zone in sorted(zones) for moment in moments(zone)]
        self.next_transfer = 100
        self.bodies: list[Json] = []
        for call_id in range(1, plan.calls + 1):
            self.bodies.append(self._call(call_id))

    def _maybe(self, share: float) -> bool:
        return self.random.random() < share

    def _seconds(self, most: int) -> int:
        return self.random.choice((0, 1, 19, 20, self.random.randint(0, most)))

    def _stamp(self, at: dt.datetime) -> str:
        zone = self.random.choice(
            (dt.UTC, dt.timezone(dt.timedelta(hours=-7)), dt.timezone(dt.timedelta(hours=5.5)))
        )
        return at.astimezone(zone).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _span(self, start: dt.datetime, seconds: int) -> Json:
        return {
            "started_at": self._stamp(start),
            "ended_at": self._stamp(start + dt.timedelta(seconds=seconds)),
        }

    def _later(self, at: dt.datetime, most: int) -> dt.datetime:
        return at + dt.timedelta(seconds=self.random.randint(0, most))

    def _call(self, call_id: int) -> Json:
        created_at = self._created_at()
        status = self._word(rules.STATUS_IS_FINAL, "finished", 0.5)
        body: Json = {
            "id": call_id,
            "lang": self.random.choice(("en", "en", "es", None)),
            "call_type": self._word(
                rules.DIRECTIONS, "Voice Inbound (IVR)", 0.6, "Voice Inbound (Satellite)"
            ),
            "status": status,
            "fail_reason": self._word(_REASONS, "nothing", 0.5),
            "deflection": self._word(_DEFLECTIONS, "no_deflection", 0.8),
            "voicemail_reason": "after_hours"
            if self._maybe(0.03)
            else self.random.choice(("not_voicemail", None)),
            "created_at": self._stamp(created_at),
            "parent_id": self.random.randint(1, 200) if self._maybe(0.15) else None,
            "end_user": self.random.choice(({"id": self.random.randint(1, 25)}, {"id": None}, None)),
            "menu_path": {"name": self.random.choice((*QUEUES.values(), "Elsewhere"))}
            if self._maybe(0.5)
            else None,
        }
        if body["parent_id"] == call_id:
            body["parent_id"] = None
        ended_at = self._arrays(body, created_at)
        if rules.STATUS_IS_FINAL.get(status or "", self._maybe(0.5)):
            body["ends_at"] = self._stamp(ended_at)
        late = (
            self.random.choice((0, 15, 900, 1800, 7200))
            if self._maybe(0.9)
            else self.random.randint(0, 90_000)
        )
        late += self.random.choice((0,) * 49 + (2 * 365 * 86_400,))  # a date in the future, now and then
        body["updated_at"] = self._stamp(ended_at + dt.timedelta(seconds=late))
        for array in ARRAYS:
            if self._maybe(0.03):
                body[array] = None
            elif self._maybe(0.03):
                del body[array]
        return body

    def _created_at(self) -> dt.datetime:
        """Near one of the zone's moments, or some days from it, to the second now and then."""
        moment = self.random.choice(self.moments)
        if self._maybe(0.3):
            return moment + dt.timedelta(days=self.random.choice((-7, -1, 1, 6, 7, 8)))
        return moment + dt.timedelta(seconds=self.random.choice((0, self.random.randint(-7200, 7200))))

    def _word(
        self, words: Iterable[str], usual: str, share: float, unknown: str = "transmogrified"
    ) -> str | None:
        """The usual word, another known one, one nobody knows, or none."""
        if self._maybe(share):
            return usual
        known = [*words]
        return self.random.choice((*known, unknown, None))

    def _arrays(self, body: Json, at: dt.datetime) -> dt.datetime:
        """Fill the call's arrays from an instant on; when the last of it ended."""
        for array in ARRAYS:
            body[array] = []
        at = self._menus(body, at)
        at = self._virtual_agents(body, at)
        at = self._leg(body, None, at)
        for _ in range(self.random.choice((0, 0, 0, 1, 1, 2, 3))):
            self.next_transfer += 1
            self._transfer(body, self.next_transfer, self._later(at, 20) if self._maybe(0.5) else at)
            if self._maybe(0.8):
                at = self._leg(body, self.next_transfer, at)
        for array in ("queue_durations", "handle_durations"):
            if self._maybe(0.2):
                self.random.shuffle(body[array])
        return at

    def _queue(self, at: dt.datetime, none: float = 0.04) -> Json:
        queue_id = None if self._maybe(none) else self.random.choice([*QUEUES])
        name = QUEUES.get(queue_id or 0)
        if queue_id in OLD_NAMES and at < dt.datetime(YEAR, 6, 1, tzinfo=dt.UTC):
            name = OLD_NAMES[queue_id]
        name = None if self._maybe(0.05) else name
        return {"menu_path_id": queue_id, "menu_path": name, "lang": self.random.choice(("en", "es", None))}

    def _menus(self, body: Json, at: dt.datetime) -> dt.datetime:
        for _ in range(self.random.choice((0, 1, 1, 2))):
            seconds = self._seconds(240)
            row = {"duration": seconds, "event": "finished", **self._queue(at, none=0.5)}
            body["consumer_in_menu_durations"].append(row | self._span(at, seconds))
            at += dt.timedelta(seconds=seconds)
        return at

    def _virtual_agents(self, body: Json, at: dt.datetime) -> dt.datetime:
        for _ in range(self.random.choice((0, 0, 0, 1, 1, 2))):
            seconds = self._seconds(300)
            virtual_agent = None if self._maybe(0.05) else {"id": self.random.choice((30, 31)), "name": "D2"}
            row = {
                "virtual_agent": virtual_agent,
                "call_duration": seconds,
                "escalation_reason": "by_virtual_agent" if self._maybe(0.3) else None,
                "response_count": self.random.choice((None, 0, 4)),
                "fallback_response_count": self.random.choice((None, 0, 1)),
                "transfer_id": self.random.choice((None, None, self.next_transfer + 1)),
                **self._queue(at, none=0.1),
                **self._span(at, seconds),
            }
            body["virtual_agent_handle_durations"].append(row)
            self._escalation(body, virtual_agent, self._later(at, seconds))
            at += dt.timedelta(seconds=seconds)
        return at

    def _escalation(self, body: Json, virtual_agent: Json | None, at: dt.datetime) -> None:
        if self._maybe(0.25):
            taken = self._maybe(0.5)
            body["escalations"].append(
                {
                    "status": "escalated" if taken else "escalating",
                    "created_at": self._stamp(at),
                    "escalated_at": self._stamp(self._later(at, 60)) if taken else None,
                    "from_virtual_agent": virtual_agent,
                    "to_agent": {"id": self.random.choice(AGENTS)} if taken else None,
                }
            )
        if self._maybe(0.15):
            body["virtual_agent_deflected_escalations"].append(
                {"deflection": "after_hours", "escalated_at": self._stamp(at), "virtual_agent": virtual_agent}
            )

    def _leg(self, body: Json, transfer_id: int | None, at: dt.datetime) -> dt.datetime:
        """Waits and work of one leg; the waits may be several, or none, and so may the work."""
        leg: Json = {"transfer": transfer_id is not None, "transfer_id": transfer_id}
        if transfer_id is not None:
            leg["transfer_cold"] = self.random.choice((True, False, None))
        for _ in range(self.random.choice((0, 1, 1, 1, 1, 2, 3))):
            row = self._wait(at) | leg
            body["queue_durations"].append(row)
            at += dt.timedelta(seconds=row["queue_duration"] or 0)
        if transfer_id is not None and self._maybe(0.1):
            leg["transfer_cold"] = self.random.choice((1, 0))
        if self._maybe(0.65):
            at = self._work(body, leg, at)
        return at

    def _wait(self, at: dt.datetime) -> Json:
        target = self.random.choice((None, 20, 20, 60))
        threshold = self.random.choice((None, 5, 10, 90, target))
        bounds = [bound + more for bound in (target, threshold) if bound for more in (0, 0, 1)]
        wait = self.random.choice((*bounds, self.random.randint(0, 150)))
        row = {
            "agent_id": None if self._maybe(0.4) else self.random.choice(AGENTS),
            "queue_duration": wait,
            "service_level_target_time": target,
            "service_level_abandon_time_threshold": threshold,
            "service_level_target_percent": self.random.choice((None, 50, 80)),
            "service_level_event": self.random.choice(("in_sla", "not_in_sla", "excluded", "perhaps", None)),
            **self._queue(at),
            **self._span(at, wait),
        }
        if self._maybe(0.03):
            row["queue_duration"] = None
        if self._maybe(0.3):
            row["event"] = self._word(rules.EVENT_OUTCOMES, "answered", 0.3)
        return row

    def _work(self, body: Json, leg: Json, at: dt.datetime) -> dt.datetime:
        """Talk and wrap-up, together or apart, of an agent and perhaps of a supervisor who listens in."""
        agent_id = None if self._maybe(0.05) else self.random.choice(AGENTS)
        queue = self._queue(at)
        for _ in range(self.random.choice((1, 1, 1, 2))):
            call_seconds = self._seconds(600)
            wrap_up = self._seconds(120)
            is_apart = self._maybe(0.7)
            talk = self._handle_row(agent_id, at, call_seconds, 0 if is_apart else wrap_up)
            if self._maybe(0.03):
                talk["ended_at"] = None
            body["handle_durations"].append(talk | queue | leg)
            at += dt.timedelta(seconds=call_seconds)
            if is_apart and self._maybe(0.8):
                row = self._handle_row(agent_id, self._later(at, 5), 0, wrap_up) | queue | leg
                body["handle_durations"].append(row | {"transfer_cold": None})
        if self._maybe(0.1):
            listening = self._handle_row(self.random.choice(AGENTS), at, self._seconds(100), 0)
            body["handle_durations"].append(
                listening | queue | leg | {"barged": self.random.choice((True, 1))}
            )
        return at

    def _handle_row(self, agent_id: int | None, at: dt.datetime, call_seconds: int, wrap_up: int) -> Json:
        return {
            "agent_id": agent_id,
            "call_duration": call_seconds,
            "hold_duration": self.random.choice((None, 0, self.random.randint(0, call_seconds))),
            "acw_duration": wrap_up,
            "bcw_duration": self.random.choice((None, 0, 3)),
            "assigned_connection_duration": self.random.choice((None, 0, 6)),
            "barged": self.random.choice((False, 0, None)),
            **self._span(at, call_seconds + wrap_up),
        }

    def _transfer(self, body: Json, transfer_id: int, at: dt.datetime) -> None:
        by_machine = self._maybe(0.1)
        to_machine = self._maybe(0.15)
        body["transfers"].append(
            {
                "id": transfer_id - self.random.choice((0,) * 30 + (1,)),  # the vendor has repeated rows
                "status": self._word(rules.TRANSFER_OUTCOMES, "transferred", 0.4),
                "fail_reason": self._word(_REASONS, "nothing", 0.6),
                "created_at": self._stamp(at),
                "wait_duration": self.random.choice((None, 0, 18)),
                "deflection": self._word(_DEFLECTIONS, "no_deflection", 0.9),
                "from_agent": None if by_machine else {"id": self.random.choice(AGENTS)},
                "from_virtual_agent": {"id": 30, "name": "D2"} if by_machine else None,
                "to_agent": None if to_machine else {"id": self.random.choice(AGENTS)},
                "to_virtual_agent": {"id": 31, "name": "R2"} if to_machine else None,
            }
        )


_REASONS = ("eu_abandoned", "eu_abandoned", "eu_canceled", "eu_in_menu_abandoned", "ag_ignored", "expired")
_DEFLECTIONS = ("after_hours", "over_capacity", "voicemail", "callback", "0")
