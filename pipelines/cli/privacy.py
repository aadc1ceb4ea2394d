"""`callmart privacy`, `forget` and `access-report`: the key, and requests of data subjects."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.context import home_to_read, home_to_write, working
from pipelines.home import make_private

if TYPE_CHECKING:
    from pipelines.ccaip.privacy.forgotten import Choice
    from pipelines.forget import ForgetReport
    from pipelines.warehouse.find_person import Subject

privacy = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@privacy.callback()
def privacy_group() -> None:
    """Manage the key for the pseudonyms of callers and agents.

    The section `privacy` of .dlt/config.toml says what happens to personal data,
    by the class of each column (docs/tables.md). It is applied before anything
    is written.

    Example:
      callmart privacy make-key
    """


@privacy.command("make-key")
def make_key(
    only_print: Annotated[
        bool,
        typer.Option(
            "--print",
            help="Print a key and write nothing: for a secret store, or for PRIVACY__KEY in a container.",
        ),
    ] = False,
) -> None:
    """Create the key for pseudonyms and write it to .dlt/secrets.toml.

    Do this once per warehouse, before its first load. Back the key up as you back
    up the token: without it, the same caller gets another pseudonym in every new
    call. An existing key is never replaced.

    Examples:
      callmart privacy make-key
      callmart privacy make-key --print
    """
    from pipelines.privacy_key import make_key as make
    from pipelines.privacy_key import new_key

    if only_print:
        typer.echo(new_key())
        return
    typer.echo(f"Wrote a key for pseudonyms to {make(home_to_write())}. Keep it as long as the warehouse.")


@privacy.command("rotate-key")
def rotate_key() -> None:
    """Replace the pseudonyms in the warehouse with ones under a new key.

    Appends a part to the key in .dlt/secrets.toml and rewrites every pseudonym in
    raw tables, marts, the published copy and the stored erasures. Each caller keeps
    one pseudonym, also in later loads; older copies can no longer be joined with
    the warehouse. Makes no API requests. Give the longer key to every machine that
    loads into this warehouse. If it is interrupted, run the same command again.

    If the key is not in secrets.toml (PRIVACY__KEY or a mounted secret), the longer
    key is printed: set it, then run this again.

    Example:
      callmart privacy rotate-key
    """
    from pipelines.cli.console import output
    from pipelines.errors import ConfigurationError
    from pipelines.forget import key_of
    from pipelines.privacy_key import key_in_file, write_key
    from pipelines.warehouse.rotate_key import longer, missing_parts, rotate

    with working("privacy rotate-key", need_api=False) as work:
        key = key_of(work.settings)
        parts = missing_parts(work.home, work.settings, key)
        if not parts:
            key = longer(key)
            parts = key.rpartition(".")[2]
            if key_in_file(work.home) != work.settings.privacy_key:
                typer.echo(key)
                raise ConfigurationError(
                    "The key is not in .dlt/secrets.toml, so callmart cannot write the longer one to it.",
                    "Set the printed key where you keep it, then run this again.",
                )
            write_key(work.home, key)
        report = rotate(work.settings, work.home, work.progress, key, parts)
    output().print(f"Rewrote {report.texts:,} pseudonyms; the key now has {report.parts} parts.")
    if report.published:
        output().print(f"Published again: {report.published}")


# --- requests of a person -------------------------------------------------------------------------

_EndUser = Annotated[
    str | None, typer.Option("--end-user", help="The caller with this id.", show_default=False)
]
_Identifier = Annotated[
    str | None,
    typer.Option(
        "--identifier",
        help="The caller with this phone number, email address or id, exactly as the API writes it.",
        show_default=False,
    ),
]
_Call = Annotated[
    int | None, typer.Option("--call", help="The caller of this call; only this call.", show_default=False)
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def forget(
    end_user: _EndUser = None,
    identifier: _Identifier = None,
    call: _Call = None,
    remove_calls: Annotated[
        bool, typer.Option("--remove-calls", help="Remove the calls instead of making them anonymous.")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="If several callers have the identifier, erase all of them.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be erased; change nothing.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Erase a person from everything that callmart has written.

    The calls stay as anonymous calls, so counts do not change; --remove-calls
    removes them too. The agents on the calls stay. Cleans raw tables, marts, the
    published copy, logs and working files, and rewrites the warehouse file so that
    no deleted data is left in it. Stores a pseudonym of the person, so that no
    later load brings them back; this needs the key from `callmart privacy
    make-key`. ccaip.erasures records the erasure without the person. If it is
    interrupted, run the same command again. Backups, copies elsewhere and the
    vendor's own records are not erased.

    Examples:
      callmart forget --identifier +14155550100 --dry-run
      callmart forget --end-user 4711
      callmart forget --call 1418 --remove-calls
    """
    subject = _subject(end_user, identifier, call)
    from pipelines.cli.console import show_json
    from pipelines.forget import forget as erase
    from pipelines.forget import preview
    from pipelines.settings import load_settings

    choice: Choice = "removed" if remove_calls else "anonymous"
    if dry_run:
        report = preview(load_settings(home_to_read(), need_api=False), subject, choice)
    else:
        with working("forget", need_api=False) as work:
            report = erase(work.settings, work.home, work.progress, subject, choice, shared=shared)
    show_json(report) if as_json else _show_forget(report)


def access_report(
    end_user: _EndUser = None,
    identifier: _Identifier = None,
    call: _Call = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write to this file, readable only by its owner.", show_default=False),
    ] = None,
) -> None:
    """Export what the warehouse holds about a person as JSON, for an access request.

    The rows of the person's calls by table, after the privacy policy, without the
    agents' data. Text that starts with pn_ is a pseudonym; text with *** is
    masked. Reads only.

    Examples:
      callmart access-report --end-user 4711 --out report.json
      callmart access-report --identifier +14155550100 | jq '.tables | keys'
    """
    subject = _subject(end_user, identifier, call)
    from pipelines.cli.console import as_json_text, output
    from pipelines.settings import load_settings
    from pipelines.warehouse.access_report import access_report as report_of

    found = report_of(load_settings(home_to_read(), need_api=False), subject)
    text = json.dumps(found, default=as_json_text, indent=2, ensure_ascii=False)
    if out is None:
        typer.echo(text)
        return
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    make_private(handle, out)  # the file may have existed with another mode
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    output().print(f"Wrote {sum(map(len, found['tables'].values())):,} rows to {out}.")


def _subject(end_user: str | None, identifier: str | None, call: int | None) -> Subject:
    """The person that the options name. Raises `BadParameter` unless there is exactly one."""
    from pipelines.warehouse.find_person import Subject

    match end_user, identifier, call:
        case str(value), None, None if value:
            return Subject("end_user", value)
        case None, str(value), None if value:
            return Subject("identifier", value)
        case None, None, int(number):
            return Subject("call", str(number))
    raise typer.BadParameter("Give exactly one of --end-user, --identifier and --call.")


def _show_forget(report: ForgetReport) -> None:
    from pipelines.cli.console import output

    if not report.dry_run and not report.rows:
        when = f" on {report.forgotten_before:%Y-%m-%d}" if report.forgotten_before else ""
        output().print(f"This person was erased{when}; the warehouse holds nothing more about them.")
        return
    verb = "would be" if report.dry_run else "are"
    fate = "removed" if report.choice == "removed" else "made anonymous"
    output().print(
        f"{report.calls:,} calls {verb} {fate}, of {report.callers:,} callers; {report.rejected_calls:,} unreadable "
        f"calls, {report.parties:,} participants and {report.mentions:,} mentions in calls of others {verb} emptied."
    )
    for table, rows in report.rows.items():
        output().print(f"  {table}: {rows:,} rows")
    if report.shared:
        output().print(
            f"{report.shared:,} calls of other callers share an identifier with this person and are unchanged."
        )
    if report.published:
        output().print(f"Published again: {report.published}")
