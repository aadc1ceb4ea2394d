"""How late changes come, and what settle time and overlap follow from that.

Two things are late in different ways, and only one of them can lose a call:

- **Updates** come after a call has ended: wrap-up, surveys, voicemails read days later. Each moves
  `updated_at`, so the next load sees it, however late. How late they are (`updated_at` − `ends_at`) says
  when an interval of the marts is final. It says nothing of settle time and overlap.
- **Visibility**: a row may be shown only some time after the instant in its own `updated_at`. A load that
  asked in between has passed it by. The settle time keeps loads from asking too soon; the overlap asks
  again before the cursor. What an overlap brings that the warehouse did not have was invisible, for longer than
  the settle time, when its stretch was first read: that is what the ledger measures.

The ledger says in which window such rows were, not where in it, so "how far behind the cursor" is an upper
bound. A row that becomes visible later than the overlap reaches is found by `callmart reconcile` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from pipelines.ccaip.enumerations import final_statuses
from pipelines.ccaip.tables import LOAD_WINDOWS
from pipelines.warehouse.look import Look

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
    invisible before, at most `behind_seconds` before the cursor of their time."""

    overlaps: int = 0
    late_overlaps: int = 0
    late_rows: int = 0
    behind_seconds: float = 0.0


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
    window = ledger.c
    query = select(window.window_from, window.window_until, window.new_versions).where(
        window.why == "overlap",
        window.attempt == 1,
        window.verdict == "complete",
        window.window_until.between(until - LOOKED_BACK, until),
    )
    read = look.connection.execute(query).all()
    late = [row for row in read if row.new_versions]
    return VisibilityLateness(
        overlaps=len(read),
        late_overlaps=len(late),
        late_rows=sum(row.new_versions for row in late),
        behind_seconds=max(((row.window_until - row.window_from) / _SECOND for row in late), default=0.0),
    )


def recommend(
    settle_seconds: float,
    overlap_seconds: float,
    visibility: VisibilityLateness,
    updates: UpdateLateness | None,
) -> Recommendation:
    """Settle time and overlap for what was measured while they were as given.

    Never less than they are: that nothing came late is no proof that less would do. Both are doubled when
    overlaps keep bringing late rows: how late a row can be nobody knows, for what is later than the overlap
    is not seen at all.
    """
    reasons = [*_about_visibility(settle_seconds, visibility)]
    settle, overlap = settle_seconds, overlap_seconds
    if _keeps_coming_late(visibility):
        settle = max(settle, min(2 * settle or 60.0, _LONGEST_SETTLE_SECONDS))
        overlap = 2 * overlap or 1800.0
        reasons.append(
            f"A settle time of {settle:,.0f} s leaves fewer of them to the overlap; an overlap of "
            f"{overlap:,.0f} s catches those that are later than any seen by now. Look again in some days."
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
        f"still invisible {settle_seconds:,.0f} s after they had changed, at most "
        f"{_duration(seen.behind_seconds)} before the cursor: {often}."
    ]


def _duration(seconds: float) -> str:
    """`45 s`, `12 min`, `27.3 h`."""
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
