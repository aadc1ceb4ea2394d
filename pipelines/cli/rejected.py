"""`callmart rejected`: list the calls that could not be parsed, and parse them again."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.context import home_to_read, working

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pipelines.warehouse.rejected import RejectedCall

_SHOWN = 50


def rejected(
    retry: Annotated[
        bool,
        typer.Option("--retry", help="Parse the stored calls again and load those that can be parsed now."),
    ] = False,
    bodies: Annotated[bool, typer.Option("--body", help="Show the stored bodies of the calls.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line for every rejected call.")
    ] = False,
) -> None:
    """List the calls that could not be parsed, or parse them again.

    A call with a value that does not fit its column is stored with the reason, the
    number of attempts, and as much of its body as the privacy policy allows. It is
    removed from the list when the API sends a version that can be parsed. After a
    fix in callmart, --retry parses the calls that were stored whole and requests the
    others from the API again. It never overwrites a newer version in the warehouse.

    Examples:
      callmart rejected
      callmart rejected --json --body | jq -r .body
      callmart rejected --retry
    """
    if retry:
        if bodies or as_json:
            raise typer.BadParameter("--retry cannot be combined with --body or --json.")
        _retry()
        return
    from pipelines.settings import load_settings
    from pipelines.warehouse.connect import reading

    home = home_to_read()
    with reading(load_settings(home, need_api=False)) as connection:
        (_list_as_json if as_json else _list)(connection, bodies)


def _retry() -> None:
    from pipelines.cli.console import output, show_new_drift
    from pipelines.warehouse.retry import retry

    with working("rejected --retry", need_api=False) as work:
        report = retry(work.settings, work.home, work.progress)
    unreachable = (
        f" {report.out_of_reach:,} were not stored whole, and the API did not return them: "
        "`callmart backfill` for the period of their change may load them."
        if report.out_of_reach
        else ""
    )
    outdated = f" The warehouse has a newer version of {report.outdated:,}." if report.outdated else ""
    output().print(
        f"Parsed {report.tried:,} rejected calls again: {report.landed:,} were loaded, "
        f"{report.still_rejected:,} still cannot be parsed.{outdated}{unreachable}"
    )
    show_new_drift(report.new_drift, work.settings.privacy)


def _list_as_json(connection: Connection, bodies: bool) -> None:
    from pipelines.cli.console import as_json_text
    from pipelines.warehouse.rejected import rejected_calls

    for call in rejected_calls(connection, bodies=bodies):
        fields = asdict(call)
        if not bodies:
            del fields["body"]
        sys.stdout.write(json.dumps(fields, default=as_json_text) + "\n")


def _list(connection: Connection, bodies: bool) -> None:
    from pipelines.cli.console import output
    from pipelines.warehouse.rejected import count_rejected, rejected_calls

    total = count_rejected(connection)
    if not total:
        output().print("There are no rejected calls.")
        return
    _show(list(rejected_calls(connection, most=_SHOWN, bodies=bodies)))
    if total > _SHOWN:
        output().print(f"The newest {_SHOWN} of {total:,}; --json shows all.")


def _show(calls: list[RejectedCall]) -> None:
    from rich.table import Table
    from rich.text import Text

    from pipelines.cli.console import instant, output

    table = Table(
        "Call", "Reason", "Attempt", "Rejected", "Changed in", title="Rejected", title_justify="left"
    )
    for call in calls:
        table.add_row(
            call.call_key,
            Text(call.reason),
            str(call.attempt),
            instant(call.rejected_at),
            f"{instant(call.window_from)} to {instant(call.window_until)}",
        )
    output().print(table)
    for call in calls:
        if call.body is not None:
            sys.stdout.write(f"{call.body}\n")
