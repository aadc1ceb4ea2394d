"""Hundreds of calls with one `updated_at`: too many to read without paging inside a second.

Every other day, at a second chosen by the seed, a job touches calls that changed since the last job. It changes only
their `updated_at`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from simulator.calls import CallSource, CallVersion
from simulator.faults.chance import Chance
from simulator.faults.layer import Json, Layer, stamp, updated_at

_BETWEEN_JOBS = timedelta(days=2)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Crowded(Layer):
    """`crowd` calls of two days share one second; all of them if there are fewer."""

    def __init__(self, inner: CallSource, chance: Chance, crowd: int) -> None:
        super().__init__(inner)
        self._chance = chance
        self._crowd = crowd
        between_seconds = int(_BETWEEN_JOBS.total_seconds())
        self._first_job = _EPOCH + timedelta(seconds=chance.number("second") % between_seconds)
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
        job = changed - (changed - self._first_job) % _BETWEEN_JOBS + _BETWEEN_JOBS
        if job > now:
            return None
        if job not in self._crowds:
            self._crowds[job] = self._crowd_of(job)
        return job if call_id in self._crowds[job] else None

    def _crowd_of(self, job: datetime) -> frozenset[int]:
        since = job - _BETWEEN_JOBS
        changed = [each.call_id for each in self._inner.versions(job) if since <= each.updated_at < job]
        return frozenset(sorted(changed, key=self._chance.number)[: self._crowd])
