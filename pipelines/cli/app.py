"""The command `callmart`: registers the commands and maps errors to exit codes.

Slow imports (dlt, dbt, SQLAlchemy, the simulator) are inside the commands that need them, so that `--help` is fast.
"""

from __future__ import annotations

import logging
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pipelines.cli import (
    context,
    dashboard,
    init,
    load,
    marts,
    platform,
    privacy,
    reconcile,
    rejected,
    status,
)
from pipelines.errors import CallmartError, explained, safe_message, safe_traceback
from pipelines.home import HOME_VARIABLE

logger = logging.getLogger(__name__)
logging.getLogger("pipelines").addHandler(logging.NullHandler())  # until a command has a home to log to

EXIT_CODES = """Exit codes, for schedulers:
  0 done · 1 failed · 2 a setting or argument is wrong (a retry will not help)
  3 the API refused or failed · 4 another callmart is running here (try later)
  5 data was loaded, but a check failed · 6 dbt failed (the raw tables are complete)
  130 interrupted · 143 terminated"""

_GLOBAL_OPTIONS = {"--project-dir": 1, "--verbose": 0, "--traceback": 0}  # and the number of values of each


class _Group(TyperGroup):
    """Accepts the global options before and after the command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first: list[str] = []
        rest: list[str] = []
        waiting = list(args)
        while waiting:
            argument = waiting.pop(0)
            name = argument.partition("=")[0]
            if name not in _GLOBAL_OPTIONS:
                rest.append(argument)
                continue
            first.append(argument)
            if "=" not in argument:
                first += waiting[: _GLOBAL_OPTIONS[name]]
                del waiting[: _GLOBAL_OPTIONS[name]]
        return super().parse_args(ctx, first + rest)

    def invoke(self, ctx: Any) -> Any:
        """Run the command. An interruption that DuckDB has wrapped is raised as the original."""
        try:
            return super().invoke(ctx)
        except RuntimeError as error:
            if interruption := context.interruption_in(error):
                raise interruption from error
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


def main() -> None:
    """Run the command. Ends the process with one of the documented exit codes."""
    from pipelines.cli.console import print_anywhere

    signal.signal(signal.SIGTERM, _terminate)
    print_anywhere()
    logging.raiseExceptions = (
        False  # a log that cannot be written (a full disk) must not hide the error itself
    )
    try:
        app()
    except CallmartError as error:
        _report(error)
        sys.exit(error.exit_code)
    except Exception as error:
        logger.exception("unexpected")
        shown = explained(error) or CallmartError(
            f"Unexpected error: {safe_message(error)}", "Run it again with --traceback and report the result."
        )
        shown.__cause__ = error
        _report(shown)
        sys.exit(shown.exit_code)


def _terminate(number: int, frame: FrameType | None) -> None:
    """Turn SIGTERM into an exception, so that the lock is released and dbt is stopped."""
    sys.exit(128 + number)


def _report(error: CallmartError) -> None:
    from pipelines.cli.console import show_error

    if context.options.traceback:
        sys.stderr.write(safe_traceback(error) + "\n")
    show_error(error)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"callmart {version('callmart')}")
        raise typer.Exit


@app.callback()
def global_options(
    project_dir: Annotated[
        Path | None,
        typer.Option(
            help=f"Folder for everything that callmart writes, and for its .dlt settings if it has any. "
            f"Default: {HOME_VARIABLE}, else the repository; the current folder if callmart is an installed package.",
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
      callmart init
    """
    context.options.project_dir = project_dir
    context.options.verbose = verbose
    context.options.traceback = traceback


app.command()(platform.demo)
app.command()(init.init)
app.command()(load.load)
app.command()(load.backfill)
app.command()(marts.transform)
app.command()(marts.publish)
app.command()(load.run)
app.command()(dashboard.dashboard)
app.command()(status.status)
app.command(context_settings=context.PASS_THROUGH)(marts.dbt)
app.command(context_settings=context.PASS_THROUGH)(marts.mf)
app.command()(rejected.rejected)
app.command()(reconcile.reconcile)
app.command()(privacy.forget)
app.command("access-report")(privacy.access_report)
app.add_typer(platform.platform, name="platform")
app.add_typer(privacy.privacy, name="privacy")

if __name__ == "__main__":
    main()
