"""A summary of the marts: service level, abandonment and handle time by queue.

Additive parts are summed, and ratios are computed from the sums, for each queue and for the total. An average of
the marts' ratios would give a quiet night the weight of a busy morning.

Definitions: `service_level`, `abandonment_rate`, `average_speed_of_answer`, `average_handle_time`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from rich.table import Table
from sqlalchemy import Connection, TableClause, case, column, func, select, table

from pipelines.settings import Settings
from pipelines.warehouse.connect import reading
from pipelines.warehouse.publish import MARTS_SCHEMA


@dataclass(frozen=True)
class QueueParts:
    """The parts of the metrics of one queue, or of several added up. Seconds are sums."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    service_level_numerator: int = 0
    service_level_denominator: int = 0
    answered_wait_seconds: int = 0
    handled_segments: int = 0
    handle_seconds: int = 0

    def __add__(self, other: QueueParts) -> QueueParts:
        return QueueParts(
            **{part.name: getattr(self, part.name) + getattr(other, part.name) for part in fields(self)}
        )

    @property
    def service_level(self) -> float | None:
        """By the governed formula, for each segment that of its day."""
        return _ratio(self.service_level_numerator, self.service_level_denominator)

    @property
    def abandonment_rate(self) -> float | None:
        """Share of callers that hung up while waiting, without short abandons."""
        return _ratio(self.abandoned - self.short_abandoned, self.offered - self.short_abandoned)

    @property
    def average_speed_of_answer(self) -> float | None:
        """Seconds."""
        return _ratio(self.answered_wait_seconds, self.answered)

    @property
    def average_handle_time(self) -> float | None:
        """Seconds of talk, hold and wrap-up per handled segment."""
        return _ratio(self.handle_seconds, self.handled_segments)


@dataclass(frozen=True)
class Summary:
    """Name and parts of each queue, largest first; handled segments and seconds of each direction."""

    queues: tuple[tuple[str, QueueParts], ...]
    directions: tuple[tuple[str, QueueParts], ...]

    @property
    def total(self) -> QueueParts:
        return sum((parts for _, parts in self.queues), QueueParts())


def read_summary(settings: Settings) -> Summary:
    """The summary of all the marts."""
    with reading(settings) as connection:
        return Summary(_by_queue(connection), _by_direction(connection))


def summary_table(summary: Summary) -> Table:
    """A table by queue with a total."""
    shown = Table(title="By queue", title_justify="left", show_footer=True)
    total = summary.total
    shown.add_column("Queue", "All queues")
    for heading, cell in _CELLS:
        shown.add_column(heading, cell(total), justify="right")
    for name, parts in summary.queues:
        shown.add_row(name, *(cell(parts) for _, cell in _CELLS))
    return shown


def directions_table(summary: Summary) -> Table:
    """A table of handle time by direction, including calls that entered no queue."""
    shown = Table(title="Agents' work", title_justify="left")
    shown.add_column("Direction")
    for heading in ("Handled", "AHT"):
        shown.add_column(heading, justify="right")
    for direction, parts in summary.directions:
        shown.add_row(direction, f"{parts.handled_segments:,}", seconds(parts.average_handle_time))
    return shown


_CELLS = (
    ("Offered", lambda parts: f"{parts.offered:,}"),
    ("Answered", lambda parts: f"{parts.answered:,}"),
    ("Service level", lambda parts: percent(parts.service_level)),
    ("Abandoned", lambda parts: percent(parts.abandonment_rate)),
    ("Speed of answer", lambda parts: seconds(parts.average_speed_of_answer)),
    ("Handled", lambda parts: f"{parts.handled_segments:,}"),
    ("AHT", lambda parts: seconds(parts.average_handle_time)),
)


def percent(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1%}"


def seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} s"


def _ratio(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None


# --- queries --------------------------------------------------------------------------------------


def _mart(name: str, *columns: str) -> TableClause:
    return table(name, *(column(each) for each in columns), schema=MARTS_SCHEMA)


_SERVICE_LEVEL_PARTS = (
    "offered",
    "answered",
    "abandoned",
    "short_abandoned",
    "service_level_numerator",
    "service_level_denominator",
)


def _by_queue(connection: Connection) -> tuple[tuple[str, QueueParts], ...]:
    """Sums each mart separately: a join by row would multiply intervals."""
    levels = _mart("mart_service_level", "queue_id", "queue_name", *_SERVICE_LEVEL_PARTS)
    waits = _mart("mart_abandonment", "queue_id", "answered_wait_seconds")
    handled = _mart("fct_handled_segments", "queue_id", "is_handled", "is_barged", "handle_seconds")

    parts = {name: func.sum(levels.c[name]).label(name) for name in _SERVICE_LEVEL_PARTS}
    of_queues = connection.execute(
        select(levels.c.queue_id, func.max(levels.c.queue_name).label("queue_name"), *parts.values())
        .group_by(levels.c.queue_id)
        .order_by(parts["offered"].desc(), levels.c.queue_id)
    ).all()
    wait_seconds = {
        row[0]: row[1]
        for row in connection.execute(
            select(waits.c.queue_id, func.sum(waits.c.answered_wait_seconds)).group_by(waits.c.queue_id)
        )
    }
    work = {
        queue_id: (count, total)
        for queue_id, count, total in connection.execute(
            select(
                handled.c.queue_id,
                func.sum(case((handled.c.is_handled, 1), else_=0)),
                func.sum(case((handled.c.is_barged, 0), else_=handled.c.handle_seconds)),
            ).group_by(handled.c.queue_id)
        )
    }
    return tuple(
        (
            row.queue_name,
            QueueParts(
                **{name: int(getattr(row, name)) for name in _SERVICE_LEVEL_PARTS},
                answered_wait_seconds=int(wait_seconds[row.queue_id]),
                handled_segments=int(work.get(row.queue_id, (0, 0))[0]),
                handle_seconds=int(work.get(row.queue_id, (0, 0))[1]),
            ),
        )
        for row in of_queues
    )


def _by_direction(connection: Connection) -> tuple[tuple[str, QueueParts], ...]:
    mart = _mart("mart_agent_handle_time", "direction", "handled_segments", "handle_seconds")
    rows = connection.execute(
        select(mart.c.direction, func.sum(mart.c.handled_segments), func.sum(mart.c.handle_seconds))
        .group_by(mart.c.direction)
        .order_by(mart.c.direction)
    )
    return tuple(
        (direction, QueueParts(handled_segments=int(segments), handle_seconds=int(total)))
        for direction, segments, total in rows
    )
