"""What `callmart reconcile` prints: a table of days, the calls that differ, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from pipelines.cli.console import instant, output

if TYPE_CHECKING:
    from pipelines.warehouse.reconcile import ReconcileReport

_IDS_SHOWN = 20
_COLUMNS = ("API", "Warehouse", "Missing", "Stale", "Vanished", "Healed", "Unexplained", "Requests")


def show_reconcile(report: ReconcileReport) -> None:
    """The report as a page for a person."""
    console = output()
    table = Table("Day", "By", title="Calls by day (UTC)", title_justify="left")
    for heading in _COLUMNS:
        table.add_column(heading, justify="right")
    for day in report.days:
        counts = (day.in_warehouse, day.missing, day.stale, day.vanished, day.healed, day.unexplained)
        counted = "–" if day.counted_by_api is None else f"{day.counted_by_api:,}"
        shown = (counted, *(f"{count:,}" for count in counts), f"{day.requests:,}")
        table.add_row(f"{day.day:%Y-%m-%d}", day.counted_by, *shown)
    console.print(table)
    for label, ids in (
        ("Missing", report.missing),
        ("Stale", report.stale),
        ("Vanished", report.vanished),
        ("Back again", report.reappeared),
        ("Rejected", report.rejected),
        ("Healed", report.healed),
    ):
        if ids:
            console.print(Text(f"{label}: {_listed(ids)}"))
    for count, words in (
        (report.pending, "calls have changed since the last load: the next one brings them"),
        (report.vanished_before, "calls were marked as vanished before, and are gone still"),
    ):
        if count:
            console.print(Text(f"{count:,} {words}."))
    for problem in report.problems:
        console.print(Text(problem, style="yellow"))
    what = "Contents and counts" if report.compared else "Counts"
    verdict = "agree" if not report.problems else "do not all agree"
    console.print(
        Text(
            f"{what} of {instant(report.since)} to {instant(report.until)} {verdict}: {report.requests:,} requests "
            f"(about {report.estimated_requests:,} expected) in {report.seconds:.1f} s."
        )
    )


def _listed(ids: tuple[int, ...]) -> str:
    more = f" … and {len(ids) - _IDS_SHOWN:,} more (all with --json)" if len(ids) > _IDS_SHOWN else ""
    return f"{len(ids):,}: {', '.join(map(str, ids[:_IDS_SHOWN]))}{more}"
