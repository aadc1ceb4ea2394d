"""How late changes arrive, and which settle time and overlap follow from that.

Two things are late in different ways, and only one of them can lose a call:

- **Updates** come after a call has ended: wrap-up, surveys, voicemails read days later. Each moves
  `updated_at`, so the next load sees it, however late. How late they are (`updated_at` − `ends_at`) says
  when an interval of the marts is final. It says nothing of settle time and overlap.
- **Visibility**: the API may return a row only some time after its `updated_at`. A load in between misses it. The
  settle time keeps loads from asking too soon; the overlap reads again before the cursor. A new row in an overlap
  was invisible when that period was first read, at the cursor plus the settle time. So it was later than the settle
  time by at least its distance from the cursor, which is what the ledger measures.

Only `callmart reconcile` finds a row that becomes visible later than the overlap reaches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from pipelines.ccaip.enumerations import final_statuses
from pipelines.ccaip.tables import LOAD_WINDOWS
from pipelines.warehouse.connect import Catalog

LOOKED_BACK = timedelta(days=30)
"""The period before the cursor that is measured."""

_FEW_OVERLAPS = 20  # with fewer, nothing can be said
_OFTEN = 0.05  # share of the overlaps that may bring late rows
_LONGEST_SETTLE_SECONDS = (
    900.0  # beyond this, dashboards would be stale, and the overlap is the better setting
)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class UpdateLateness:
    """Seconds from a call's end to its latest change, over `calls` finished calls."""

    calls: int
    p50_seconds: float
    p99_seconds: float
    max_seconds: float


@dataclass(frozen=True, slots=True)
class VisibilityLateness:
    """Late rows in overlaps: of `overlaps` that were read, `late_overlaps` had `late_rows` new rows, the oldest
    `behind_seconds` before the cursor at that time. `usual_behind_seconds` is the same without the worst overlaps,
    as many as may bring late rows; 0 if no other overlap had any."""

    overlaps: int = 0
    late_overlaps: int = 0
    late_rows: int = 0
    behind_seconds: float = 0.0
    usual_behind_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Recommended settings in seconds, and the reasons in sentences."""

    settle_seconds: float
    overlap_seconds: float
    reasons: tuple[str, ...]


def measure_updates(catalog: Catalog, until: datetime) -> UpdateLateness | None:
    """How late finished calls were updated, over the 30 days before `until` (UTC); None without any.

    `until` is the end of the loads by the server's clock, so that calls dated in the future do not count.
    """
    if (calls := catalog.relation("calls")) is None:
        return None
    late = calls.c.updated_at - calls.c.ends_at
    wanted = (
        calls.c.status.in_(final_statuses()),
        calls.c.updated_at.between(until - LOOKED_BACK, until),
        calls.c.ends_at <= calls.c.updated_at,
    )
    count = catalog.count(calls, *wanted)
    if not count:
        return None

    def at(share: float) -> float:
        # the row at that position, because engines disagree on percentiles of intervals
        query = select(calls.c.updated_at, calls.c.ends_at).where(*wanted).order_by(late)
        updated_at, ends_at = catalog.connection.execute(
            query.offset(int(share * (count - 1))).limit(1)
        ).one()
        return (updated_at - ends_at) / _SECOND

    return UpdateLateness(count, at(0.5), at(0.99), at(1.0))


def measure_visibility(catalog: Catalog, until: datetime) -> VisibilityLateness:
    """The late rows in overlaps of the 30 days before `until` (UTC), from the ledger.

    Only first attempts count: new rows of a later attempt may be rows that failed before.
    """
    if (ledger := catalog.relation(LOAD_WINDOWS.name)) is None:
        return VisibilityLateness()
    window, tail = ledger.c, ledger.alias("tail").c
    # an overlap may be read in parts; the cursor is the start of the same load's tail
    cursor = (
        select(func.min(tail.window_from))
        .where(
            tail.why == "tail",
            tail.attempt == 1,
            tail.started_at >= window.started_at,
            tail.window_from >= window.window_until,
        )
        .scalar_subquery()
    )
    # older ledgers only say which window had late rows
    oldest: Any = window.window_from
    if "oldest_new_at" in window:
        oldest = func.coalesce(window.oldest_new_at, oldest)
    wanted = (
        window.why == "overlap",
        window.attempt == 1,
        window.verdict == "complete",
        window.window_until.between(until - LOOKED_BACK, until),
    )
    query = select(window.new_versions, oldest, func.coalesce(cursor, window.window_until)).where(
        window.new_versions > 0, *wanted
    )
    late = catalog.connection.execute(query).all()
    behind = sorted(((reached - changed) / _SECOND for _, changed, reached in late), reverse=True)
    overlaps = catalog.count(ledger, *wanted)
    return VisibilityLateness(
        overlaps=overlaps,
        late_overlaps=len(late),
        late_rows=sum(row.new_versions for row in late),
        behind_seconds=behind[0] if behind else 0.0,
        usual_behind_seconds=next(iter(behind[int(_OFTEN * overlaps) :]), 0.0),
    )


def recommend(
    settle_seconds: float,
    overlap_seconds: float,
    visibility: VisibilityLateness,
    updates: UpdateLateness | None,
) -> Recommendation:
    """The recommended settle time and overlap for measurements made with the given ones.

    Never less than the current ones: that nothing was late does not prove that less would suffice. If overlaps keep
    bringing late rows, the settle time grows to cover their usual delay. The overlap reaches twice as far as the
    latest row, because later ones are not seen at all.
    """
    reasons = [*_about_visibility(settle_seconds, visibility)]
    settle, overlap = settle_seconds, overlap_seconds
    if _keeps_coming_late(visibility):
        covering = _whole_minutes(settle_seconds + visibility.usual_behind_seconds + 1)
        settle = max(settle, min(covering, _LONGEST_SETTLE_SECONDS))
    if visibility.overlaps >= _FEW_OVERLAPS and visibility.late_overlaps:
        overlap = max(overlap, _whole_minutes(2 * visibility.behind_seconds))
    if settle > settle_seconds:
        reasons.append(f"A settle time of {settle:,.0f} s would leave fewer of them to the overlap.")
    if overlap > overlap_seconds:
        reasons.append(
            f"An overlap of {overlap:,.0f} s would reach twice as far as the latest of them. Check again in a few days."
        )
    if updates:
        reasons.append(
            f"99% of the updates came within {_duration(updates.p99_seconds)} of a call's end: this decides when an "
            "interval of the marts is final, not settle time or overlap."
        )
    return Recommendation(settle, overlap, tuple(reasons))


def _keeps_coming_late(seen: VisibilityLateness) -> bool:
    return seen.overlaps >= _FEW_OVERLAPS and seen.late_overlaps > _OFTEN * seen.overlaps


def _about_visibility(settle_seconds: float, seen: VisibilityLateness) -> list[str]:
    if seen.overlaps < _FEW_OVERLAPS:
        return [
            f"Not enough history yet to recommend a setting ({seen.overlaps} of {_FEW_OVERLAPS} overlapping loads)."
        ]
    if not seen.late_overlaps:
        return [
            f"{seen.overlaps:,} overlaps brought no late row: "
            f"the settle time of {settle_seconds:,.0f} s is enough."
        ]
    often = "that happens too often" if _keeps_coming_late(seen) else "that is what the overlap is for"
    return [
        f"{seen.late_overlaps:,} of {seen.overlaps:,} overlaps brought rows ({seen.late_rows:,} in all) that were "
        f"not visible {settle_seconds:,.0f} s after their change, the oldest "
        f"{_duration(seen.behind_seconds)} before the cursor: {often}."
    ]


def _whole_minutes(seconds: float) -> float:
    """Seconds rounded up to whole minutes."""
    return 60.0 * math.ceil(seconds / 60)


def _duration(seconds: float) -> str:
    """`45 s`, `12 min`, `27.3 h`."""
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
