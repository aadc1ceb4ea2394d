"""Calls that could not be parsed: list them, count them, and decide when there are too many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from pipelines.ccaip.tables import REJECTED_CALLS
from pipelines.warehouse.connect import Catalog, utc

_FEW = 2


@dataclass(frozen=True, slots=True)
class RejectedCall:
    """A call that could not be parsed. Instants are UTC.

    `attempt` counts how often it was rejected. `body` is the stored part of the call; None if there is none or it was
    not requested.
    """

    call_key: str
    reason: str
    window_from: datetime | None
    window_until: datetime | None
    attempt: int
    rejected_at: datetime | None
    body: str | None = None


def too_many_rejected(rejected: int, distinct: int, share: float) -> str | None:
    """A message if more than `share` (0 to 1) of the distinct calls of a run were rejected, else None.

    The share counts from three rejected calls on: one or two odd calls mean nothing, but would be a large share of a
    run of twenty. A share of 0 tolerates none.
    """
    if rejected <= (max(share * distinct, _FEW) if share else 0):
        return None
    return (
        f"{rejected:,} of {distinct:,} calls could not be parsed, more than the {share:.2%} that "
        "[sources.ccaip] rejected_share allows. The others are loaded. `callmart rejected` shows the reasons, "
        "and `callmart rejected --retry` parses them again after a fix."
    )


def rejected_calls(
    connection: Connection, *, most: int | None = None, bodies: bool = False
) -> Iterator[RejectedCall]:
    """The rejected calls, newest first, at most `most`; with their bodies only if requested."""
    kept = Catalog(connection).relation(REJECTED_CALLS.name)
    if kept is None:
        return
    wanted = [column.name for column in REJECTED_CALLS.columns if column.name != "body" or bodies]
    query = select(*(kept.c[name] for name in wanted if name in kept.c))
    query = query.order_by(kept.c.rejected_at.desc(), kept.c.call_key).limit(most)
    for row in connection.execute(query).mappings():
        yield RejectedCall(
            call_key=row["call_key"],
            reason=row["reason"],
            window_from=utc(row["window_from"]),
            window_until=utc(row["window_until"]),
            attempt=row.get("attempt") or 1,
            rejected_at=utc(row["rejected_at"]),
            body=row.get("body"),
        )


def count_rejected(connection: Connection) -> int:
    """The number of calls that could not be parsed."""
    kept = Catalog(connection).relation(REJECTED_CALLS.name)
    return 0 if kept is None else connection.execute(select(func.count()).select_from(kept)).scalar_one()
