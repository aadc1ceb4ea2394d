"""What the commands print: reports on stdout, errors on stderr.

Errors are a panel on a terminal and unwrapped lines elsewhere, so that logs can be searched and settings copied.
Texts are never interpreted as Rich markup: `[sources.ccaip]` is a section of the settings, not a style.
"""

from __future__ import annotations

import codecs
import io
import json
import re
import sys
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pipelines.errors import CallmartError

if TYPE_CHECKING:
    from pipelines.ccaip.drift import Drift
    from pipelines.ccaip.privacy.policy import Policy
    from pipelines.marts.build import TransformReport
    from pipelines.marts.last_build import Build
    from pipelines.status import Status
    from pipelines.warehouse.completeness import Completeness
    from pipelines.warehouse.load import LoadReport
    from pipelines.warehouse.reconcile import ReconcileReport

_IDS_SHOWN = 20
_RECONCILE_COLUMNS = ("API", "Warehouse", "Missing", "Stale", "Vanished", "Healed", "Unexplained", "Requests")
_DRIFT_LINES = 20
_LOG_COLUMNS = 160  # when the output is not a terminal, Rich would cut tables at 80


_PLAIN = str.maketrans(
    {"–": "-", "—": "-", "…": "...", "×": "x", "·": "-", "→": "->", "✓": "v", "“": '"', "”": '"', "’": "'"}
)


def print_anywhere() -> None:
    """Let stdout and stderr replace characters that the console's encoding does not have.

    A Latin-1 or C locale would otherwise end the command with a `UnicodeEncodeError`.
    """
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = error.object[error.start : error.end].translate(_PLAIN)
    return plain.encode("ascii", "replace").decode(), error.end


def output() -> Console:
    """The console for results."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_LOG_COLUMNS)


def show_error(error: CallmartError) -> None:
    """Print an error and its fix on stderr."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        mend = f"\n{error.mend}" if error.mend else ""
        sys.stderr.write(f"error: {error}{mend}\n")
        return
    parts = [Text(str(error))]
    if error.mend:
        parts += [Text(), Text("What to do", style="bold"), Text(error.mend)]
    title = f"[bold]{type(error).__name__}[/bold] (exit code {error.exit_code})"
    console.print(Panel(Group(*parts), title=title, title_align="left", border_style="red"))


def show_notices(notices: tuple[str, ...]) -> None:
    """Print remarks on stderr."""
    for notice in notices:
        sys.stderr.write(f"note: {notice}\n")


def show_load(report: LoadReport, policy: Policy) -> None:
    """Print one line about a load (how many calls, how fast, up to when), then what needs attention."""
    rate = report.calls / report.seconds if report.seconds else 0.0
    window = f", changes of {instant(report.since)} to {instant(report.until)}" if report.until else ""
    output().print(
        Text(
            f"Loaded {report.calls:,} calls in {report.seconds:.1f} s ({rate:,.0f} a second, "
            f"{report.requests:,} requests, {report.packages} {'package' if report.packages == 1 else 'packages'}){window}."
        )
    )
    if report.rejected:
        warn(f"{report.rejected:,} calls could not be parsed and were rejected: see `callmart rejected`.")
    show_new_drift(report.new_drift, policy)


def show_published(copy: Path) -> None:
    """Print where readers find the marts."""
    output().print(Text(f"Published the marts in {copy}."))


def show_new_drift(new: Counter[Drift], policy: Policy) -> None:
    """Print what the API sent that is not declared, with what happened to it, each once."""
    for drift, count in list(new.items())[:_DRIFT_LINES]:
        outcome = _outcome(drift, policy)
        warn(
            f"{drift} ({count:,}×){outcome and f': {outcome}'}. Reported once; `callmart status` keeps the count."
        )
    if (more := len(new) - _DRIFT_LINES) > 0:
        warn(f"{more:,} more kinds of drift: see ccaip.drift.")


_BECAME = {"keep": "kept", "hash": "kept as a pseudonym", "mask": "masked", "drop": "withheld"}


def _outcome(drift: Drift, policy: Policy) -> str:
    """What happened to a value: kept, withheld or rejected. Empty if the drift's own text says it."""
    from pipelines.ccaip.tables import EXTRA, TABLES

    match drift.kind:
        case "new_key":
            place = " in _extra" if (action := policy.action(drift.table, EXTRA.name)) != "drop" else ""
        case "new_value":
            columns = {".".join(column.path): column.name for column in TABLES[drift.table].columns}
            action, place = policy.action(drift.table, columns[drift.field]), ""
        case "new_type":
            return "the call is rejected" if re.search(r"expected|^missing$", drift.value) else ""
    by_policy = " by the privacy policy" if action != "keep" else ""
    return f"{_BECAME[action]}{place}{by_policy}"


def warn(text: str) -> None:
    """Print a line that needs attention."""
    output().print(Text(text, style="yellow"))


def show_transform(report: TransformReport) -> None:
    """Print one line about a transform, and its warnings."""
    output().print(
        Text(f"Built {report.models} models and passed {report.tests} tests in {report.seconds:.1f} s.")
    )
    for warning in report.warnings:
        warn(f"warning: {warning}")


def show_current(build: Build) -> None:
    """Why a run does not build the marts."""
    output().print(Text(f"No call has changed since the marts were built at {build.finished_at:%H:%M} UTC."))


def show_status(status: Status) -> None:
    """Print the status for people."""
    console = output()
    console.print(Text(f"Home       {status.home}\nWarehouse  {status.warehouse}"))
    if not status.exists:
        console.print(Text("Nothing is loaded yet: `callmart load` creates the warehouse."))
    facts = Table.grid(padding=(0, 2))
    for label, value in _facts(status):
        facts.add_row(label, Text(value))
    console.print(facts)
    _show_drift(console, status.trust)
    for title, rows in (("Raw tables (ccaip)", status.landed.rows), ("Marts (marts)", status.marts)):
        if rows:
            table = Table("Table", "Rows", title=title, title_justify="left")
            table.columns[1].justify = "right"
            for name, count in rows.items():
                table.add_row(name, f"{count:,}")
            console.print(table)


def _facts(status: Status) -> list[tuple[str, str]]:
    landed, fresh, pending = status.landed, status.fresh, status.pending
    since = pending.calls_since_transform
    facts = [
        ("Calls", f"{landed.calls_final:,} final, {landed.calls_not_final:,} not final"),
        ("Newest change", instant(fresh.newest_updated_at)),
        ("Requested up to", instant(fresh.tail_until)),
        ("Last load of calls", instant(fresh.last_load_at)),
        ("Marts built", instant(fresh.marts_built_at)),
        ("Loaded since the last transform", "never transformed" if since is None else f"{since:,} calls"),
        ("Rejected", f"{pending.rejected_calls:,} calls"),
        *_trust_facts(status.trust),
    ]
    if pending.load_was_cut_short:
        facts.append(("Interrupted", "the last load; the next one requests again what it had not loaded"))
    if pending.unfinished_erasures:
        asked = ", ".join(map(instant, pending.unfinished_erasures))
        facts.append(("Not erased yet", f"requested {asked}: run the same `callmart forget` again"))
    if pending.rows_with_unknown_keys:
        names = ", ".join(f"{key} ({count:,})" for key, count in list(pending.unknown_keys.items())[:10])
        facts.append(("Unknown keys", f"in {pending.rows_with_unknown_keys:,} rows: {names}"))
    return facts


def _trust_facts(trust: Completeness) -> list[tuple[str, str]]:
    facts = []
    if trust.windows:
        facts.append(("Windows", f"{trust.windows:,} requested, {_verdicts(trust.open_windows)} open"))
        if trust.set_aside_windows:
            stuck = _verdicts(trust.set_aside_windows)
            facts.append(("", f"{stuck} no longer requested after several attempts: see ccaip.load_windows"))
    if updates := trust.updates:
        facts.append(
            (
                "Changes after a call's end",
                f"half within {updates.p50_seconds:,.0f} s, 99% within {updates.p99_seconds:,.0f} s, "
                f"the latest after {updates.max_seconds:,.0f} s ({updates.calls:,} calls)",
            )
        )
    if advice := trust.recommended:
        facts.append(
            (
                "Recommended",
                f"settle_seconds = {advice.settle_seconds:.0f}, overlap_seconds = {advice.overlap_seconds:.0f}",
            )
        )
        facts += [("", reason) for reason in advice.reasons]
    facts += [
        (
            f"Reconciled by {days.counted_by}",
            f"{days.days:,} days, {days.first_day:%Y-%m-%d} to {days.last_day:%Y-%m-%d}, last "
            f"{instant(days.last_checked_at)}: {days.days_that_differ:,} differ ({days.missing:,} calls missing, "
            f"{days.stale:,} stale, {days.vanished:,} vanished, {days.healed:,} healed)",
        )
        for days in trust.reconciled
    ]
    return facts


def _verdicts(windows: dict[str, int]) -> str:
    """`3 (2 short, 1 planned)`, or `none`."""
    if not windows:
        return "none"
    parts = ", ".join(f"{count:,} {verdict}" for verdict, count in windows.items())
    return f"{sum(windows.values()):,} ({parts})"


def _show_drift(console: Console, trust: Completeness) -> None:
    if trust.drift:
        table = Table("Drift of the latest loads", "Times", "Last seen", title_justify="left")
        table.columns[1].justify = "right"
        for each in trust.drift:
            table.add_row(Text(str(each)), f"{each.occurrences:,}", instant(each.last_noticed_at))
        console.print(table)


def show_reconcile(report: ReconcileReport) -> None:
    """Print the report for people."""
    console = output()
    table = Table("Day", "By", title="Calls by day (UTC)", title_justify="left")
    for heading in _RECONCILE_COLUMNS:
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
        (report.pending, "calls have changed since the last load: the next one loads them"),
        (report.vanished_before, "calls were marked as vanished before and are still missing from the API"),
    ):
        if count:
            console.print(Text(f"{count:,} {words}."))
    for problem in report.problems:
        console.print(Text(problem, style="yellow"))
    what = "Contents and counts" if report.compared else "Counts"
    verdict = "agree" if not report.problems else "differ"
    console.print(
        Text(
            f"{what} of {instant(report.since)} to {instant(report.until)} {verdict}: {report.requests:,} requests "
            f"(about {report.estimated_requests:,} expected) in {report.seconds:.1f} s."
        )
    )


def _listed(ids: tuple[int, ...]) -> str:
    more = f" … and {len(ids) - _IDS_SHOWN:,} more (all with --json)" if len(ids) > _IDS_SHOWN else ""
    return f"{len(ids):,}: {', '.join(map(str, ids[:_IDS_SHOWN]))}{more}"


def show_next_steps(schedule: str, steps: list[str]) -> None:
    """Print whether the schedule is kept, and what to do next."""
    console = output()
    console.print(Text(f"Schedule   {schedule}"))
    for step in steps or ["Nothing to do."]:
        console.print(Text(f"Next       {step}"))


def show_json(report: Any, **more: Any) -> None:
    """Print a report (a dataclass) and `more` as one JSON object, with instants as ISO text in UTC."""
    json.dump(asdict(report) | more, sys.stdout, indent=2, default=as_json_text)
    sys.stdout.write("\n")


def as_json_text(value: Any) -> str:
    """Values that JSON does not have: instants as ISO text in UTC, anything else as text."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def instant(value: datetime | None) -> str:
    """`2026-01-31 08:00:00 UTC`, or a dash."""
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if value else "–"
