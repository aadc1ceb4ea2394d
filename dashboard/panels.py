"""The panels: one SQL file each over the marts. Pages, tables and CSV files show the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dashboard import charts
from dashboard.formatting import plain
from dashboard.reader import Row, Snapshot
from dashboard.view import View

_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Drawing:
    """A chart of a panel's rows, and what it shows in words."""

    caption: str
    draw: Callable[[Sequence[Row]], Any]


@dataclass(frozen=True)
class Panel:
    """A query with a name. `definition` is the heading of docs/metrics.md that explains its numbers."""

    name: str
    title: str
    definition: str
    note: str = ""
    empty: str = "No calls match this selection. Choose other dates or fewer filters."
    drawings: tuple[Drawing, ...] = ()

    def rows(self, snapshot: Snapshot, view: View) -> list[Row]:
        return snapshot.rows(sql(self.name), view.parameters)


@cache
def sql(name: str) -> str:
    """The text of a query."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


def as_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV with a header; nothing for NULL, full precision for numbers."""
    written = io.StringIO()
    writer = csv.writer(written)
    if rows:
        writer.writerow(rows[0])
        writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return written.getvalue()


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    text = plain(value)
    # a spreadsheet would run a text that begins like a formula
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


PANELS = {
    panel.name: panel
    for panel in (
        Panel("today_numbers", "Key numbers", "service_level"),
        Panel(
            "today_half_hours",
            "By half hour",
            "service_level",
            "Local time in which callers entered the queue. Hatched bars are provisional: late changes may still "
            "move them. Thin lines are the same weekdays before.",
            drawings=(
                Drawing("Service level, target dashed", charts.service_level_by_half_hour),
                Drawing("Offered", charts.offered_by_half_hour),
            ),
        ),
        Panel(
            "today_queues",
            "Queues, furthest below target first",
            "service_level",
            "The bar is the service level, the tick its target. The line is the service level of the last 14 days.",
        ),
        Panel("queue_trend", "Service level of the last 14 days", "service_level"),
    )
}
