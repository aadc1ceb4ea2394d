"""`callmart load`, `backfill` and `run`: calls from the API into the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.context import instant_option, working

if TYPE_CHECKING:
    from pipelines.settings import Settings
    from pipelines.warehouse.load import LoadReport


def load() -> None:
    """Load the calls that changed since the last load. The first load starts at start_date.

    Writes the raw tables (schema ccaip). You can stop it at any time: the next load
    continues after the last package it wrote, on this machine or another.
    If nothing is new, nothing changes.

    Example:
      callmart load
    """
    from pipelines.cli.console import show_load
    from pipelines.warehouse.load import load_new

    with working("load", need_api=True) as work:
        report = load_new(work.settings, work.home, work.progress)
        work.requests = report.requests
        work.loaded_until = None if report.problems else report.until
        show_load(report, work.settings.privacy)
        check_start(report, work.settings)
        report.raise_if_incomplete()


def backfill(
    from_: Annotated[
        str,
        typer.Option("--from", help="Start, inclusive: ISO date or instant, UTC unless it has an offset."),
    ],
    to: Annotated[str, typer.Option("--to", help="End, inclusive, in the same format.")],
    newest_first: Annotated[
        bool,
        typer.Option(
            "--newest-first", help="Load the latest calls first, so that a long backfill is useful sooner."
        ),
    ] = False,
) -> None:
    """Load the calls that changed between two instants again.

    Use it for a period that the vendor has corrected, or one before start_date.
    Replaces these calls unless the warehouse has a newer version, and does not
    move the cursor of `callmart load`. If it is stopped, the next load or
    backfill finishes it.

    Examples:
      callmart backfill --from 2026-01-01 --to 2026-02-01
      callmart backfill --from 2019-01-01 --to 2026-01-01 --newest-first
    """
    from pipelines.cli.console import show_load
    from pipelines.warehouse.load import backfill as load_between

    start, end = instant_option("--from", from_), instant_option("--to", to)
    if start >= end:
        raise typer.BadParameter(f"--from {from_} must be earlier than --to {to}.")
    with working("backfill", need_api=True) as work:
        report = load_between(work.settings, work.home, work.progress, start, end, newest_first=newest_first)
        show_load(report, work.settings.privacy)
    report.raise_if_incomplete()


def run() -> None:
    """Load what is new, build the marts and publish them: the command to schedule.

    When no call has changed, the marts are left as they are: they are built at least
    every hour, so that they say how far the data reach.

    Example, every 15 minutes from cron:
      */15 * * * * /path/to/.venv/bin/callmart run
    """
    from pipelines.cli.console import show_current, show_load, show_published, show_transform
    from pipelines.marts.build import transform as build
    from pipelines.marts.last_build import current_build, sources_of
    from pipelines.warehouse.load import load_new
    from pipelines.warehouse.publish import is_published
    from pipelines.warehouse.publish import publish as copy_marts

    with working("run", need_api=True) as work:
        report = load_new(work.settings, work.home, work.progress)
        work.requests = report.requests
        work.loaded_until = None if report.problems else report.until
        show_load(report, work.settings.privacy)
        check_start(report, work.settings)
        sources = sources_of(work.home, work.settings)
        current = current_build(work.home, sources)
        if current:
            show_current(current)
        else:
            show_transform(build(work.home, work.settings, work.progress, sources=sources))
        if work.settings.destination == "duckdb" and not (  # other engines allow readers while a load writes
            current and is_published(work.home, work.settings, current.finished_at)
        ):
            show_published(copy_marts(work.home, work.settings))
        report.raise_if_incomplete()


def check_start(report: LoadReport, settings: Settings) -> None:
    """Raise `ConfigurationError` when nothing was requested because start_date is in the future.

    Only a first load whose start date is later than the server's clock requests no window and has no cursor.
    """
    from datetime import UTC, datetime

    from pipelines.errors import ConfigurationError

    if report.until is None and settings.start_date > datetime.now(UTC):
        raise ConfigurationError(
            f"[sources.ccaip] start_date {settings.start_date:%Y-%m-%dT%H:%M:%SZ} is in the future, "
            "so there is nothing to load.",
            "Set start_date to the date from which you want calls.",
        )
