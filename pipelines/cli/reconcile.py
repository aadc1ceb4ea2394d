"""`callmart reconcile`: compare the warehouse with the API."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.context import instant_option, working


def reconcile(
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="First day: ISO date or instant, UTC unless it has an offset. Default: 7 days before --to.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="End, in the same format; a date means its start. Default: what has been loaded.",
            show_default=False,
        ),
    ] = None,
    counts: Annotated[
        bool,
        typer.Option(
            "--counts", help="Compare counts, and contents only where counts differ: for long ranges."
        ),
    ] = False,
    heal: Annotated[bool, typer.Option("--heal", help="Load what is missing or stale.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with all ids.")] = False,
) -> None:
    """Compare the warehouse with the API, day by day, and list the calls that differ.

    Counts the calls of each UTC day by queued_at and by updated_at, fetches them
    and compares every field of every table. Finds calls that are missing, stale
    (also if updated_at did not change) or vanished from the API. Uses about one
    request per 100 calls; with --counts, two a day and a few per difference. The
    number is printed before it starts. --heal loads missing and stale calls.
    Vanished calls are marked in ccaip.vanished_calls and never deleted. Exits with
    code 5 while something differs.

    Examples, the first for every night:
      callmart reconcile --heal
      callmart reconcile --counts --from 2026-01-01
    """
    from pipelines.cli.console import show_json, show_reconcile
    from pipelines.errors import QualityError
    from pipelines.warehouse.reconcile import reconcile as compare

    start = None if from_ is None else instant_option("--from", from_)
    end = None if to is None else instant_option("--to", to)
    if start and end and start >= end:
        raise typer.BadParameter(f"--from {from_} must be earlier than --to {to}.")
    with working("reconcile", need_api=True) as work:
        report = compare(work.settings, work.home, work.progress, start, end, contents=not counts, heal=heal)
        work.requests = report.requests
        (show_json if as_json else show_reconcile)(report)
        if report.problems:
            mend = "" if heal else "`callmart reconcile --heal` loads what is missing or stale."
            raise QualityError(" ".join(report.problems), mend)
