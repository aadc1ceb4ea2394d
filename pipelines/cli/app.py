"""The command `callmart`.

Thin: every command finds the home, reads the settings, takes the lock where it writes, calls one function
and prints its report. What takes long to import (dlt, dbt, SQLAlchemy, the simulator) is imported inside the
command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pipelines.cli.forget import access_report, forget
from pipelines.cli.privacy import privacy
from pipelines.cli.reconcile import reconcile
from pipelines.cli.rejected import rejected
from pipelines.errors import CallmartError
from pipelines.failures import said, trace
from pipelines.home import HOME_VARIABLE, Home

logger = logging.getLogger(__name__)
logging.getLogger("pipelines").addHandler(logging.NullHandler())  # until a command has a home to log to

EXIT_CODES = """Exit codes, for schedulers:
  0 done · 1 failed · 2 a setting or argument is wrong (retrying will not help)
  3 the API refused or failed · 4 another callmart is at work here (try later)
  5 data landed, but a check says not to trust it · 6 dbt failed (the raw tables are whole)
  130 interrupted · 143 terminated"""

_PASSES_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
_ANYWHERE = {"--project-dir": 1, "--verbose": 0, "--traceback": 0}  # global options, and how many values


class _Group(TyperGroup):
    """Takes the global options on either side of the command, where people type them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first: list[str] = []
        rest: list[str] = []
        waiting = list(args)
        while waiting:
            argument = waiting.pop(0)
            name = argument.partition("=")[0]
            if name not in _ANYWHERE:
                rest.append(argument)
                continue
            first.append(argument)
            if "=" not in argument:
                first += waiting[: _ANYWHERE[name]]
                del waiting[: _ANYWHERE[name]]
        return super().parse_args(ctx, first + rest)

    def invoke(self, ctx: Any) -> Any:
        """Run the command. What interrupts DuckDB in a query comes out of it as an error of its own."""
        try:
            return super().invoke(ctx)
        except RuntimeError as error:
            if isinstance(error.__cause__, KeyboardInterrupt | SystemExit):
                raise error.__cause__ from error
            raise


app = typer.Typer(
    cls=_Group,
    name="callmart",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=EXIT_CODES,
)


@dataclass
class _Globals:
    """The options that stand before or after any command."""

    project_dir: Path | None = None
    verbose: bool = False
    traceback: bool = False


_globals = _Globals()


def main() -> None:
    """Run the command; ends the process with one of the documented exit codes."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app()
    except CallmartError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except Exception as error:
        logger.exception("unexpected")
        problem = f"Something nobody foresaw: {said(error)}"
        unforeseen = CallmartError(problem, "Run it again with --traceback to see where, and report that.")
        unforeseen.__cause__ = error
        _complain(unforeseen)
        sys.exit(CallmartError.exit_code)


def _terminated(number: int, frame: FrameType | None) -> None:
    """A scheduler's SIGTERM ends like an error: the lock is let go and dbt is stopped on the way out."""
    sys.exit(128 + number)


def _complain(error: CallmartError) -> None:
    from pipelines.cli.console import show_error

    if _globals.traceback:
        sys.stderr.write(trace(error) + "\n")
    show_error(error)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"callmart {version('callmart')}")
        raise typer.Exit


@app.callback()
def _options(
    project_dir: Annotated[
        Path | None,
        typer.Option(
            help=f"Folder of all that callmart writes, and of its .dlt settings if it has any. "
            f"Default: {HOME_VARIABLE}, else the repository.",
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show callmart's log on stderr too.")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show the traceback of an error.")] = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Contact-centre calls: from the CCAI Platform API to service level, abandonment and handle time.

    New here? See it work on a simulated contact centre, then point it at yours:

      callmart demo
      callmart status
    """
    _globals.project_dir, _globals.verbose, _globals.traceback = project_dir, verbose, traceback


def _home() -> Home:
    """The home of this call of the command, with dlt and the log pointed at it."""
    from pipelines.logs import log_to

    home = Home.find(_globals.project_dir)
    home.activate()
    log_to(home, verbose=_globals.verbose)
    return home


@contextmanager
def _at_work(command: str, *, need_api: bool) -> Iterator[tuple[Any, Any, Any]]:
    """Settings, home and progress for a command that writes, under the home's lock."""
    from pipelines.cli.console import show_notices
    from pipelines.lock import locked
    from pipelines.progress import progress_for
    from pipelines.settings import load_settings

    home = _home()
    settings = load_settings(home, need_api=need_api)
    show_notices(settings.notices)
    with locked(home, command):
        yield settings, home, progress_for()


# --- the commands ---------------------------------------------------------------------------------


@app.command()
def demo() -> None:
    """Show the whole way on a simulated contact centre, in under three minutes.

    Starts the local platform, loads two weeks of calls (about 40,000) over HTTP
    at the real API's ten requests a second, builds and tests the marts, prints
    service level, abandonment and handle time by queue, and stops the platform.
    Needs no credentials and touches nothing of yours: all of it lies in the
    folder `demo` of the project folder. Run it again and an hour has passed
    there: only what is new is loaded.

    Example:
      callmart demo
    """
    from pipelines.demo import run_demo
    from pipelines.progress import progress_for

    run_demo(Home.find(_globals.project_dir), progress_for(), verbose=_globals.verbose)


@app.command()
def load() -> None:
    """Load the calls that changed since the last load; the first begins at start_date.

    Lands them in the raw tables (schema ccaip). Can be stopped at any moment:
    the next load goes on where the last chunk landed, on this machine or
    another. With nothing new it changes nothing.

    Example:
      callmart load
    """
    from pipelines.cli.console import show_load
    from pipelines.warehouse.load import load_new

    with _at_work("load", need_api=True) as (settings, home, progress):
        report = load_new(settings, home, progress)
        show_load(report)
    report.raise_if_incomplete()


@app.command()
def backfill(
    from_: Annotated[
        str, typer.Option("--from", help="Start, inclusive: ISO date or instant, UTC if it names no offset.")
    ],
    to: Annotated[str, typer.Option("--to", help="End, inclusive, in the same forms.")],
    newest_first: Annotated[
        bool,
        typer.Option("--newest-first", help="Begin with the latest calls: a long backfill is of use sooner."),
    ] = False,
) -> None:
    """Load again the calls that changed between two instants, whatever the cursor says.

    For a stretch that the vendor has corrected, or from before start_date.
    Replaces what is there of these calls, unless it is newer, and leaves the
    cursor of `callmart load` alone. Cut short, it is taken up by the next
    load or backfill.

    Examples:
      callmart backfill --from 2026-01-01 --to 2026-02-01
      callmart backfill --from 2019-01-01 --to 2026-01-01 --newest-first
    """
    from pipelines.cli.console import show_load
    from pipelines.settings import parse_instant
    from pipelines.warehouse.load import backfill as load_between

    try:
        start, end = parse_instant(from_), parse_instant(to)
    except ValueError as error:
        raise typer.BadParameter(f"--from {from_} --to {to}: a value {error}") from None
    if start >= end:
        raise typer.BadParameter(f"--from {from_} must be earlier than --to {to}")
    with _at_work("backfill", need_api=True) as (settings, home, progress):
        report = load_between(settings, home, progress, start, end, newest_first=newest_first)
        show_load(report)
    report.raise_if_incomplete()


@app.command()
def transform(
    full_refresh: Annotated[
        bool,
        typer.Option("--full-refresh", help="Rebuild the incremental facts from all raw rows."),
    ] = False,
) -> None:
    """Build and test the marts from what has landed, with dbt.

    Needs no API credentials. Only calls that landed since the last transform are
    worked on, unless the definitions changed.

    Examples:
      callmart transform
      callmart transform --full-refresh    # after a changed definition
    """
    from pipelines.cli.console import show_transform
    from pipelines.marts.build import transform as build

    with _at_work("transform", need_api=False) as (settings, home, progress):
        show_transform(build(home, settings, progress, full_refresh=full_refresh))


@app.command()
def publish() -> None:
    """Copy the marts to a file of their own, which readers may hold open.

    DuckDB has one writer or many readers of a file: who reads the warehouse keeps
    loads out. The copy is <project folder>/published/<name of the warehouse>; it
    holds the schema marts alone and is replaced at once. `callmart run` ends so.

    Example:
      callmart publish
    """
    from pipelines.cli.console import show_published
    from pipelines.warehouse.publish import publish as copy_marts

    with _at_work("publish", need_api=False) as (settings, home, _):
        show_published(copy_marts(home, settings))


@app.command()
def run() -> None:
    """Load what is new, build the marts, publish them: the line to schedule.

    Example, every quarter of an hour from cron:
      */15 * * * * /path/to/.venv/bin/callmart run
    """
    from pipelines.cli.console import show_load, show_published, show_transform
    from pipelines.marts.build import transform as build
    from pipelines.warehouse.load import load_new
    from pipelines.warehouse.publish import publish as copy_marts

    with _at_work("run", need_api=True) as (settings, home, progress):
        report = load_new(settings, home, progress)
        show_load(report)
        show_transform(build(home, settings, progress))
        show_published(copy_marts(home, settings))
    report.raise_if_incomplete()


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for schedulers.")] = False,
) -> None:
    """Show what landed, how fresh it is and what is pending.

    Reads only, and needs no API credentials.

    Examples:
      callmart status
      callmart status --json | jq .fresh.tail_until
    """
    from pipelines.cli.console import show_json, show_status
    from pipelines.settings import load_settings
    from pipelines.warehouse.status import read_status

    home = _home()
    found = read_status(home, load_settings(home, need_api=False))
    (show_json if as_json else show_status)(found)


@app.command(context_settings=_PASSES_ON)
def dbt(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="What dbt is to do; its own words.", show_default=False)
    ] = None,
) -> None:
    """Run a command of dbt's, on callmart's models and this home's warehouse.

    Passes everything on to dbt, with the folders, the warehouse and the time
    zone that `callmart transform` gives it, and ends with dbt's exit code. Needs
    no API credentials.

    Examples:
      callmart dbt source freshness
      callmart dbt test --select mart_service_level
      callmart dbt list --select +mart_abandonment
      callmart dbt build --help
    """
    from pipelines.marts.dbt_cli import run_dbt

    with _at_work("dbt", need_api=False) as (settings, home, _):
        raise typer.Exit(run_dbt(home, settings, arguments or ["--help"]))


@app.command(context_settings=_PASSES_ON)
def mf(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="What MetricFlow is asked; its own words.", show_default=False)
    ] = None,
) -> None:
    """Ask for metrics by name, grouped as you like, with MetricFlow.

    Passes everything on to MetricFlow's own command, which it points at the
    published copy of the marts (the warehouse where there is none). Reads only,
    and needs no API credentials.

    Examples:
      callmart mf list metrics
      callmart mf query --metrics service_level --group-by metric_time__day,queue_segment__queue_name
      callmart mf query --saved-query handle_time_by_agent
      callmart mf query --help
    """
    from pipelines.marts.dbt_cli import run_metricflow
    from pipelines.settings import load_settings

    home = _home()
    raise typer.Exit(run_metricflow(home, load_settings(home, need_api=False), arguments or ["--help"]))


app.command()(rejected)
app.command()(reconcile)
app.command()(forget)
app.command("access-report")(access_report)


def _add_platform() -> None:
    from pipelines.cli.platform import platform

    app.add_typer(platform, name="platform")


_add_platform()
app.add_typer(privacy, name="privacy")

if __name__ == "__main__":
    main()
