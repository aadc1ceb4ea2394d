"""How late changes come, and what settle time and overlap follow from that.

Two things are late in different ways, and only one of them can lose a call:

- **Updates** come after a call has ended: wrap-up, surveys, voicemails read days later. Each moves
  `updated_at`, so the next load sees it, however late. How late they are (`updated_at` − `ends_at`) says
  when an interval of the marts is final. It says nothing of settle time and overlap.
- **Visibility**: a row may be shown only some time after the instant in its own `updated_at`. A load that
  asked in between has passed it by. The settle time keeps loads from asking too soon; the overlap asks
  again before the cursor. What an overlap brings that the warehouse did not have was invisible when its stretch
  was first read, at the cursor plus the settle time: so it was later than the settle time by at least as much as it
  is behind the cursor. That is what the ledger measures.

A row that becomes visible later than the overlap reaches is found by `callmart reconcile` alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from pipelines.ccaip.enumerations import final_statuses
from pipelines.ccaip.tables import LOAD_WINDOWS
from pipelines.warehouse.connect import Look

LOOKED_BACK = timedelta(days=30)
"""How much of the data, before the cursor, is measured."""

_FEW_OVERLAPS = 20  # fewer are too few to say that nothing comes late
_OFTEN = 0.05  # of the overlaps: more than a slow moment now and then
_LONGEST_SETTLE_SECONDS = 900.0  # beyond this, dashboards are stale and the overlap is the better place
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
    """What overlaps have brought: of `overlaps` that were read, `late_overlaps` had `late_rows` that were
    invisible before, the oldest `behind_seconds` before the cursor of its time. `usual_behind_seconds` is the
    same when the worst overlaps, as many as may bring late rows, are left out; 0 when no more than those did."""

    overlaps: int = 0
    late_overlaps: int = 0
    late_rows: int = 0
    behind_seconds: float = 0.0
    usual_behind_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Settings that follow from what was measured, in seconds, and why, in sentences."""

    settle_seconds: float
    overlap_seconds: float
    reasons: tuple[str, ...]


def measure_updates(look: Look, until: datetime) -> UpdateLateness | None:
    """How late the updates of finished calls came, of the last 30 days before `until` (UTC); None without any.

    `until` is how far the loads have come by the server's clock, so that a call dated after it, which
    is misdated, counts nowhere.
    """
    if (calls := look.relation("calls")) is None:
        return None
    late = calls.c.updated_at - calls.c.ends_at
    wanted = (
        calls.c.status.in_(final_statuses()),
        calls.c.updated_at.between(until - LOOKED_BACK, until),
        calls.c.ends_at <= calls.c.updated_at,
    )
    count = look.count(calls, *wanted)
    if not count:
        return None

    def at(share: float) -> float:
        # the row at that place, for engines disagree on the percentiles of an interval
        query = select(calls.c.updated_at, calls.c.ends_at).where(*wanted).order_by(late)
        updated_at, ends_at = look.connection.execute(query.offset(int(share * (count - 1))).limit(1)).one()
        return (updated_at - ends_at) / _SECOND

    return UpdateLateness(count, at(0.5), at(0.99), at(1.0))


def measure_visibility(look: Look, until: datetime) -> VisibilityLateness:
    """What the overlaps of the last 30 days before `until` (UTC) brought, by the ledger.

    Only windows read at the first attempt: at a later one, what is new may be what failed before.
    """
    if (ledger := look.relation(LOAD_WINDOWS.name)) is None:
        return VisibilityLateness()
    window, tail = ledger.c, ledger.alias("tail").c
    # an overlap may be read in parts: the cursor is where the same load's tail began
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
    # a ledger of before this was noted says in which window late rows were, no more
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
    late = look.connection.execute(query).all()
    behind = sorted(((reached - changed) / _SECOND for _, changed, reached in late), reverse=True)
    overlaps = look.count(ledger, *wanted)
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
    """Settle time and overlap for what was measured while they were as given.

    Never less than they are: that nothing came late is no proof that less would do. The settle time grows when
    overlaps keep bringing late rows, so that it covers what they usually are late by; the overlap reaches twice
    as far as the latest was behind, for how late a row can be nobody knows: what is later is not seen at all.
    """
    reasons = [*_about_visibility(settle_seconds, visibility)]
    settle, overlap = settle_seconds, overlap_seconds
    if _keeps_coming_late(visibility):
        covering = _whole_minutes(settle_seconds + visibility.usual_behind_seconds + 1)
        settle = max(settle, min(covering, _LONGEST_SETTLE_SECONDS))
    if visibility.overlaps >= _FEW_OVERLAPS and visibility.late_overlaps:
        overlap = max(overlap, _whole_minutes(2 * visibility.behind_seconds))
    if settle > settle_seconds:
        reasons.append(f"A settle time of {settle:,.0f} s leaves fewer of them to the overlap.")
    if overlap > overlap_seconds:
        reasons.append(
            f"An overlap of {overlap:,.0f} s reaches twice as far as the latest of them. Look again in some days."
        )
    if updates:
        reasons.append(
            f"99% of the updates came within {_duration(updates.p99_seconds)} of a call's end: that is when an "
            "interval of the marts is final, and no matter of settle time or overlap."
        )
    return Recommendation(settle, overlap, tuple(reasons))


def _keeps_coming_late(seen: VisibilityLateness) -> bool:
    return seen.overlaps >= _FEW_OVERLAPS and seen.late_overlaps > _OFTEN * seen.overlaps


def _about_visibility(settle_seconds: float, seen: VisibilityLateness) -> list[str]:
    if seen.overlaps < _FEW_OVERLAPS:
        return [f"{seen.overlaps} overlaps have been read: too few ({_FEW_OVERLAPS}) to change anything by."]
    if not seen.late_overlaps:
        return [
            f"{seen.overlaps:,} overlaps brought no row that had been invisible: "
            f"the settle time of {settle_seconds:,.0f} s was enough."
        ]
    often = "that happens too often" if _keeps_coming_late(seen) else "that is what the overlap is for"
    return [
        f"{seen.late_overlaps:,} of {seen.overlaps:,} overlaps brought rows ({seen.late_rows:,} in all) that were "
        f"still invisible {settle_seconds:,.0f} s after they had changed, the oldest "
        f"{_duration(seen.behind_seconds)} before the cursor: {often}."
    ]


def _whole_minutes(seconds: float) -> float:
    """So many seconds, rounded up to whole minutes, in seconds."""
    return 60.0 * math.ceil(seconds / 60)


def _duration(seconds: float) -> str:
    """`45 s`, `12 min`, `27.3 h`."""
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
