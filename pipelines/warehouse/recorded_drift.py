"""Drift on record: so that each kind is reported once and `status` can show the latest."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from pipelines.ccaip.drift import OTHERS, Drift, Kind, capped
from pipelines.ccaip.tables import DRIFT
from pipelines.warehouse.connect import Catalog, utc

logger = logging.getLogger(__name__)

RECENT_RUNS = 10
"""The number of latest loads with drift that `status` shows."""


@dataclass(frozen=True, slots=True)
class NoticedDrift:
    """A kind of drift in the latest loads that had any: total count, and when it was last seen (UTC)."""

    kind: Kind
    table: str
    field: str
    value: str
    occurrences: int
    last_noticed_at: datetime | None

    def __str__(self) -> str:
        return str(Drift(self.kind, self.table, self.field, self.value))


def new_only(connection: Connection, drifts: Counter[Drift]) -> Counter[Drift]:
    """The kinds that the warehouse has not recorded yet. They are logged. Call this before they are loaded.

    A field with more new values than are recorded is not an enumeration, and is not reported again.
    """
    known = _told(connection)
    new = Counter(
        {
            drift: count
            for drift, count in capped(drifts).items()
            if drift not in known and Drift(drift.kind, drift.table, drift.field, OTHERS) not in known
        }
    )
    for drift, count in new.items():
        logger.warning("%s (%d times)", drift, count)
    return new


def latest(catalog: Catalog, most: int) -> list[NoticedDrift]:
    """The drift of the latest `RECENT_RUNS` loads that had any, most frequent first."""
    if (noticed := catalog.relation(DRIFT.name)) is None:
        return []
    column = noticed.c
    runs = (
        select(column.run_id)
        .group_by(column.run_id)
        .order_by(func.max(column.noticed_at).desc())
        .limit(RECENT_RUNS)
    )
    times = func.sum(column.occurrences)
    query = (
        select(
            column.kind,
            column.table_name,
            column.field,
            column.value,
            times.label("times"),
            func.max(column.noticed_at).label("last"),
        )
        .where(column.run_id.in_(runs))
        .group_by(column.kind, column.table_name, column.field, column.value)
        .order_by(times.desc(), column.table_name, column.field, column.value)
        .limit(most)
    )
    return [
        NoticedDrift(row.kind, row.table_name, row.field, row.value, int(row.times), utc(row.last))
        for row in catalog.connection.execute(query)
    ]


def _told(connection: Connection) -> set[Drift]:
    if (noticed := Catalog(connection).relation(DRIFT.name)) is None:
        return set()
    column = noticed.c
    query = select(column.kind, column.table_name, column.field, column.value).distinct()
    return {Drift(*row) for row in connection.execute(query)}
