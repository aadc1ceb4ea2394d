"""Hundreds of calls with one `updated_at`: more than a reader passes without paging inside a second.

Every other night, at a second that the seed decides, a job touches calls that changed during the day
before it. It changes nothing but their `updated_at`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from simulator.calls import CallSource, CallVersion
from simulator.faults.chance import Chance
from simulator.faults.layer import Json, Layer, stamp, updated_at

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Crowded(Layer):
    """`crowd` of a day's calls share one second; all of them when there are fewer."""

    def __init__(self, inner: CallSource, chance: Chance, crowd: int) -> None:
        super().__init__(inner)
        self._chance = chance
        self._crowd = crowd
        self._first_job = _EPOCH + timedelta(seconds=chance.number("second") % (2 * 86_400))
        self._crowds: dict[datetime, frozenset[int]] = {}

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        found: list[CallVersion] = []
        for version in self._inner.versions(now):
            job = self._job(version.call_id, version.updated_at, now)
            found.append(version if job is None else CallVersion(version.call_id, job))
        return found

    def body(self, call_id: int, now: datetime) -> Json:
        body = self._inner.body(call_id, now)
        changed = updated_at(body)
        job = self._job(call_id, changed, now) if changed is not None else None
        if job is not None:
            body["updated_at"] = stamp(job)
        return body

    def _job(self, call_id: int, changed: datetime, now: datetime) -> datetime | None:
        """When the job touched a call that changed at `changed`; `None` when it has not by `now`."""
        before = (changed - self._first_job) % (2 * _DAY)
        job = changed - before + 2 * _DAY
        if before < _DAY or job > now:
            return None
        if job not in self._crowds:
            self._crowds[job] = self._crowd_of(job)
        return job if call_id in self._crowds[job] else None

    def _crowd_of(self, job: datetime) -> frozenset[int]:
        todays = [each.call_id for each in self._inner.versions(job) if job - _DAY <= each.updated_at < job]
        return frozenset(sorted(todays, key=self._chance.number)[: self._crowd])
