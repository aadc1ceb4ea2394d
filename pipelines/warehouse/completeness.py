"""Evidence on completeness for `callmart status`: ledger, drift, lateness and reconciled days."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import TableClause, and_, func, or_, select

from pipelines.ccaip.loaded import MOST_ATTEMPTS, REPEATABLE
from pipelines.ccaip.tables import LOAD_WINDOWS, RECONCILED_DAYS
from pipelines.settings import Settings
from pipelines.warehouse.connect import Catalog, utc
from pipelines.warehouse.lateness import (
    Recommendation,
    UpdateLateness,
    VisibilityLateness,
    measure_updates,
    measure_visibility,
    recommend,
)
from pipelines.warehouse.recorded_drift import NoticedDrift, latest

_DRIFTS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The days that `callmart reconcile` has compared, by `counted_by`: how many, when last, and how many
    differed from the API then. Instants are UTC."""

    counted_by: str
    days: int
    first_day: datetime | None
    last_day: datetime | None
    last_checked_at: datetime | None
    days_that_differ: int
    missing: int
    stale: int
    vanished: int
    healed: int


@dataclass
class Completeness:
    """Evidence on completeness.

    `open_windows` counts, by verdict, the windows that the next load requests again, `set_aside_windows` those that
    are no longer requested after too many attempts. `drift` is the most frequent drift of the latest loads.
    `updates`, `visibility` and `recommended` come from `lateness`; None before the first load.
    """

    windows: int = 0
    open_windows: dict[str, int] = field(default_factory=dict)
    set_aside_windows: dict[str, int] = field(default_factory=dict)
    drift: list[NoticedDrift] = field(default_factory=list)
    updates: UpdateLateness | None = None
    visibility: VisibilityLateness | None = None
    recommended: Recommendation | None = None
    reconciled: list[Reconciled] = field(default_factory=list)


def read_completeness(catalog: Catalog, settings: Settings, until: datetime | None) -> Completeness:
    """Read the evidence. `until` is the end of the loads (UTC), None before the first."""
    trust = Completeness(drift=latest(catalog, _DRIFTS_SHOWN))
    if (ledger := catalog.relation(LOAD_WINDOWS.name)) is not None:
        _fill_windows(trust, catalog, ledger)
    if until is not None:
        trust.updates = measure_updates(catalog, until)
        trust.visibility = measure_visibility(catalog, until)
        trust.recommended = recommend(
            settings.settle_seconds, settings.overlap_seconds, trust.visibility, trust.updates
        )
    if (days := catalog.relation(RECONCILED_DAYS.name)) is not None:
        trust.reconciled = _reconciled(catalog, days)
    return trust


def _fill_windows(trust: Completeness, catalog: Catalog, ledger: TableClause) -> None:
    last = (
        select(ledger.c.window_id, func.max(ledger.c.attempt).label("attempt"))
        .group_by(ledger.c.window_id)
        .subquery()
    )
    query = (
        select(ledger.c.verdict, ledger.c.attempt, func.count())
        .join(last, and_(ledger.c.window_id == last.c.window_id, ledger.c.attempt == last.c.attempt))
        .where(ledger.c.why.in_(REPEATABLE))
        .group_by(ledger.c.verdict, ledger.c.attempt)
        .order_by(ledger.c.verdict)
    )
    for verdict, attempt, count in catalog.connection.execute(query):
        trust.windows += count
        if verdict != "complete":
            windows = trust.open_windows if attempt < MOST_ATTEMPTS else trust.set_aside_windows
            windows[verdict] = windows.get(verdict, 0) + count


def _reconciled(catalog: Catalog, days: TableClause) -> list[Reconciled]:
    column = days.c
    differs = or_(column.missing + column.stale > column.healed, column.vanished > 0)
    query = (
        select(
            column.counted_by,
            func.count(),
            func.min(column.day),
            func.max(column.day),
            func.max(column.checked_at),
            func.count().filter(differs),
            func.sum(column.missing),
            func.sum(column.stale),
            func.sum(column.vanished),
            func.sum(column.healed),
        )
        .group_by(column.counted_by)
        .order_by(column.counted_by)
    )
    return [
        Reconciled(by, count, utc(first), utc(last), utc(checked), *(int(each or 0) for each in counts))
        for by, count, first, last, checked, *counts in catalog.connection.execute(query)
    ]
