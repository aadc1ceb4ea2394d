"""`callmart forget` and `callmart access-report`: what a person may ask of whoever holds their data."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipelines.ccaip.privacy.forgotten import Choice
    from pipelines.warehouse.erase import ForgetReport
    from pipelines.warehouse.find_person import Subject

_EndUser = Annotated[
    str | None, typer.Option("--end-user", help="The caller with this id.", show_default=False)
]
_Identifier = Annotated[
    str | None,
    typer.Option(
        "--identifier",
        help="Whoever has this number, mail address or id, written as the API gives it.",
        show_default=False,
    ),
]
_Call = Annotated[
    int | None, typer.Option("--call", help="Whoever made this call: this call alone.", show_default=False)
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def forget(
    end_user: _EndUser = None,
    identifier: _Identifier = None,
    call: _Call = None,
    remove_calls: Annotated[
        bool, typer.Option("--remove-calls", help="Remove the calls, instead of making them anonymous.")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="Erase all callers who have the identifier, if several do.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; change nothing.")] = False,
    as_json: _Json = False,
) -> None:
    """Erase a person from everything callmart wrote, for good.

    The calls stay as anonymous calls, so every count stays as it is; with
    --remove-calls they go too. Agents who served the person stay. Raw tables,
    marts, published copy, logs and working files are cleaned and the warehouse
    is written anew, so that nothing is left in its file. A pseudonym is
    remembered (this needs the key of `callmart privacy make-key`), so no load
    brings the person back; ccaip.erasures tells that it was done, not to whom.
    Cut short, the same command finishes it. Backups, copies elsewhere and the
    vendor's own records are not callmart's to erase.

    Examples:
      callmart forget --identifier +14155550100 --dry-run
      callmart forget --end-user 4711
      callmart forget --call 1418 --remove-calls
    """
    subject = _subject(end_user, identifier, call)
    from pipelines.cli.app import _at_work, _home
    from pipelines.cli.console import show_json
    from pipelines.settings import load_settings
    from pipelines.warehouse.erase import forget as erase
    from pipelines.warehouse.erase import preview

    choice: Choice = "removed" if remove_calls else "anonymous"
    if dry_run:
        report = preview(load_settings(_home(), need_api=False), subject, choice)
    else:
        with _at_work("forget", need_api=False) as (settings, home, progress):
            report = erase(settings, home, progress, subject, choice, shared=shared)
    show_json(report) if as_json else _show(report)


def access_report(
    end_user: _EndUser = None,
    identifier: _Identifier = None,
    call: _Call = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write to this file, which its owner alone may read.", show_default=False),
    ] = None,
) -> None:
    """Show what the warehouse holds of a person, as JSON: for a request of access.

    The rows of the person's calls by table, as the privacy policy let them land,
    without what is an agent's. A text that begins with pn_ is a pseudonym, one
    with *** a mask. Reads only.

    Examples:
      callmart access-report --end-user 4711 --out report.json
      callmart access-report --identifier +14155550100 | jq '.tables | keys'
    """
    subject = _subject(end_user, identifier, call)
    from pipelines.cli.app import _home
    from pipelines.cli.console import as_json_text, output
    from pipelines.settings import load_settings
    from pipelines.warehouse.access_report import access_report as report_of

    found = report_of(load_settings(_home(), need_api=False), subject)
    text = json.dumps(found, default=as_json_text, indent=2, ensure_ascii=False)
    if out is None:
        typer.echo(text)
        return
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(handle, 0o600)  # it may have been there
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    output().print(f"Wrote {sum(map(len, found['tables'].values())):,} rows to {out}.")


def _subject(end_user: str | None, identifier: str | None, call: int | None) -> Subject:
    """The one person that is meant. Raises `BadParameter` when it is none or several."""
    from pipelines.warehouse.find_person import Subject

    match end_user, identifier, call:
        case str(value), None, None if value:
            return Subject("end_user", value)
        case None, str(value), None if value:
            return Subject("identifier", value)
        case None, None, int(number):
            return Subject("call", str(number))
    raise typer.BadParameter("give one of --end-user, --identifier and --call")


def _show(report: ForgetReport) -> None:
    from pipelines.cli.console import output

    if not report.dry_run and not report.rows:
        when = f" on {report.forgotten_before:%Y-%m-%d}" if report.forgotten_before else ""
        output().print(f"This person was forgotten{when}; the warehouse holds nothing more of them.")
        return
    verb = "would be" if report.dry_run else "are"
    fate = "removed" if report.choice == "removed" else "made anonymous"
    output().print(
        f"{report.calls:,} calls {verb} {fate}, of {report.callers:,} callers; {report.rejected_calls:,} unreadable "
        f"calls, {report.parties:,} parties and {report.mentions:,} mentions in calls of others {verb} emptied."
    )
    for table, rows in report.rows.items():
        output().print(f"  {table}: {rows:,} rows")
    if report.shared:
        output().print(
            f"{report.shared:,} calls of other callers have an identifier of this person's, and stay as they are."
        )
    if report.published:
        output().print(f"Published anew: {report.published}")
