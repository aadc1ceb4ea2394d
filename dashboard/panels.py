"""The panels: one SQL file each over the marts. Pages, tables and CSV files show the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dashboard import charts
from dashboard.formatting import plain
from dashboard.reader import Row, Snapshot
from dashboard.vega import Spec
from dashboard.view import View

# SQL is not HTML: what is put in are macros, never a reader's words, which are bound as parameters.
_QUERIES = Environment(loader=PackageLoader("dashboard", "sql"), undefined=StrictUndefined)


@dataclass(frozen=True)
class Drawing:
    """A chart of a panel's rows, and what it shows in words."""

    caption: str
    draw: Callable[[Sequence[Row], str], Spec]
    is_wide: bool = False
    """Whether it needs more width than a phone has, and scrolls there."""


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
    """The text of a query, with the macros it uses written out."""
    return _QUERIES.get_template(f"{name}.sql").render()


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
        Panel(
            "sl_heatmap",
            "Service level against target, by date and half hour",
            "service_level",
            "Blue is above the target, orange below; a dashed edge is provisional. A cell opens its queue segments.",
            drawings=(Drawing("Date by half hour", charts.service_level_heat_map, is_wide=True),),
        ),
        Panel(
            "sl_queue_days",
            "Each queue by day",
            "service_level",
            "Service level, target dashed.",
            drawings=(Drawing("Service level by queue and day", charts.service_level_of_queues),),
        ),
        Panel("sl_formulas", "The same calls by every formula", "service_level"),
        Panel(
            "sl_waits",
            "Waits by outcome",
            "outcomes",
            "Dashed: the lowest and the highest target of the selected queues. Choose one queue to see its own.",
            drawings=(Drawing("Callers by seconds waited", charts.waits_by_outcome),),
        ),
        Panel(
            "sl_staffing",
            "Agents needed",
            "staffing",
            "Expected by Erlang C, each queue by itself, without breaks and absences; not who was there. All languages "
            "and call types.",
            empty="No queue of this selection has a target and handled calls, so no number of agents can be estimated.",
            drawings=(
                Drawing("Median of the days as a line, the most of any day as bars", charts.agents_needed),
            ),
        ),
        Panel(
            "segments",
            "Queue segments",
            "outcomes",
            "Each entry of a call into a queue, its outcome and the rule that decided it. The first 500.",
        ),
        Panel("waits_numbers", "Key numbers", "abandonment_rate"),
        Panel(
            "waits_weekday_hour",
            "Abandonment by weekday and hour",
            "abandonment_rate",
            "Local time. Darker is more; from 30 % on the colour stays the same.",
            drawings=(Drawing("Weekday by hour", charts.abandonment_by_weekday, is_wide=True),),
        ),
        Panel(
            "waits_percentiles",
            "How long callers wait, by queue",
            "wait_p50_seconds",
            "From the median (long mark) to the 95th percentile; the short marks are the 80th and the 90th.",
            drawings=(Drawing("Seconds waited", charts.wait_ranges),),
        ),
        Panel(
            "waits_patience",
            "Patience",
            "patience",
            "Share of callers who would still wait if nobody were answered (Kaplan–Meier).",
            empty="Nobody of this selection gave up waiting.",
            drawings=(Drawing("Would still wait", charts.patience_curve),),
        ),
        Panel(
            "waits_abandoned",
            "When callers hang up",
            "abandonment_rate",
            "Dashed: below it a hang-up is a short abandon; the lowest and the highest of the selected queues.",
            empty="Nobody of this selection gave up waiting.",
            drawings=(Drawing("Abandoned by seconds waited", charts.waits_of_abandoned),),
        ),
        Panel("waits_elsewhere", "Where callers went instead", "deflection_rate"),
        Panel(
            "waits_callbacks",
            "Call-backs kept",
            "callback_success_rate",
            "Of the calls of these dates. All languages.",
            empty="No call-back of this selection has been tried and is over.",
        ),
        Panel("handle_numbers", "Key numbers", "average_handle_time"),
        Panel(
            "handle_queues",
            "By queue",
            "average_handle_time",
            drawings=(
                Drawing("Talk, hold and wrap-up for each handled segment", charts.handle_time_of_queues),
            ),
        ),
        Panel(
            "handle_weeks",
            "By week",
            "average_handle_time",
            "Weeks begin on Monday; the first and the last may be cut by the selection.",
            drawings=(
                Drawing("Talk, hold and wrap-up for each handled segment", charts.handle_time_of_weeks),
            ),
        ),
        Panel(
            "handle_agents",
            "Agents",
            "average_handle_time",
            "The dashed line is the median agent, the band the middle 80 % of agents with 30 handled segments or more; "
            "others are grey. A point opens the agent's distribution. Names as far as the privacy policy keeps them.",
            drawings=(Drawing("Handle time against handled segments", charts.agents),),
        ),
        Panel(
            "handle_distribution",
            "How long contacts take",
            "average_handle_time",
            "All agents as bars of one minute, the chosen agent as a line.",
            drawings=(Drawing("Share of handled segments by seconds", charts.handle_time_distribution),),
        ),
        Panel("trust_numbers", "What is open", "provisional-final-restated"),
        Panel(
            "trust_calendar",
            "Is everything here?",
            "completeness",
            empty="No load window touches these days. Load them with the command callmart backfill.",
        ),
        Panel(
            "trust_final",
            "Final intervals",
            "provisional-final-restated",
            "A provisional interval may still change, because calls of it are open or late updates are due.",
            drawings=(Drawing("Share of final intervals by date", charts.final_by_day),),
        ),
        Panel(
            "trust_restatements",
            "Numbers that moved after they were final",
            "provisional-final-restated",
            empty="No published number of these dates has moved after it was final.",
        ),
        Panel(
            "trust_agreement",
            "Agreement with the vendor's verdicts",
            "agreement_rate",
            "“Ours in, vendor's out” counts calls that we find in time and the vendor does not; the other columns likewise.",
        ),
        Panel(
            "trust_vendor_report",
            "The vendor's daily report",
            "reconciliation-with-the-vendor",
            empty="There is no vendor report of these dates. Put its figures into the seed "
            "vendor_daily_report and transform again.",
        ),
        Panel(
            "trust_unfinished",
            "Calls that never ended",
            "provisional-final-restated",
            empty="Every call that is past 72 hours has ended.",
        ),
    )
}
