"""`callmart reconcile`: whether the warehouse equals the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer


def reconcile(
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="First day: ISO date or instant, UTC if it names no offset. Default: 7 days before --to.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Up to here, in the same forms: a date is its beginning. Default: what has been loaded.",
            show_default=False,
        ),
    ] = None,
    counts: Annotated[
        bool,
        typer.Option(
            "--counts", help="Compare counts, and contents only where they differ: for long ranges."
        ),
    ] = False,
    heal: Annotated[bool, typer.Option("--heal", help="Load what is missing or stale.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with all ids.")] = False,
) -> None:
    """Compare the warehouse with the API, day by day, and say which calls differ.

    Counts each UTC day's calls by queued_at and by updated_at, reads them and
    compares every field of every table: finds calls that are missing, stale (also
    where updated_at did not move) or vanished from the API. Costs about a request
    per 100 calls, and with --counts two a day and a few per difference; it says
    how many before it begins. With --heal missing and stale calls are loaded.
    Vanished ones are marked in ccaip.vanished_calls, never deleted.
    Ends with exit code 5 while something differs.

    Examples, the first for every night:
      callmart reconcile --heal
      callmart reconcile --counts --from 2026-01-01
    """
    from pipelines.cli.app import _at_work
    from pipelines.cli.console import show_json
    from pipelines.cli.console_reconcile import show_reconcile
    from pipelines.errors import QualityError
    from pipelines.warehouse.reconcile import reconcile as compare

    start, end = _instant("--from", from_), _instant("--to", to)
    if start and end and start >= end:
        raise typer.BadParameter(f"--from {from_} must be earlier than --to {to}")
    with _at_work("reconcile", need_api=True) as (settings, home, progress):
        report = compare(settings, home, progress, start, end, contents=not counts, heal=heal)
    (show_json if as_json else show_reconcile)(report)
    if report.problems:
        mend = "" if heal else "`callmart reconcile --heal` loads what is missing or stale."
        raise QualityError(" ".join(report.problems), mend)


def _instant(option: str, text: str | None) -> datetime | None:
    from pipelines.settings import parse_instant

    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option} {text} {error}") from None
