"""What all commands share: the global options, the home, the settings, the lock and the progress display."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipelines.errors import CallmartError, LockedError, explained
from pipelines.home import Home

if TYPE_CHECKING:
    from pipelines.progress import Progress
    from pipelines.settings import Settings

_logger = logging.getLogger(__name__)

PASS_THROUGH = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
}
"""Context settings of a command that passes its arguments to another program."""


@dataclass
class GlobalOptions:
    """The options that are accepted before or after any command."""

    project_dir: Path | None = None
    verbose: bool = False
    traceback: bool = False


options = GlobalOptions()
"""The global options of this process."""


@dataclass
class Work:
    """What a command that writes works with.

    The command sets the number of its API requests and the end of the load it completed (UTC).
    """

    settings: Settings
    home: Home
    progress: Progress
    requests: int | None = None
    loaded_until: datetime | None = None


def home_to_write(*, may_be_new: bool = True) -> Home:
    """The home, with its folders created and dlt and the log using it.

    Raises `ConfigurationError` when there is no such folder, unless it `may_be_new`.
    """
    from pipelines.logs import log_to

    home = Home.find(options.project_dir)
    home.activate(may_be_new=may_be_new)
    log_to(home, verbose=options.verbose)
    return home


def home_to_read() -> Home:
    """The home for a command that only reads: no folder is created.

    Raises `ConfigurationError` when there is no such folder.
    """
    from pipelines.logs import log_to

    home = Home.find(options.project_dir)
    home.activate(make_folders=False)
    if home.log_dir.is_dir():
        log_to(home, verbose=options.verbose)
    return home


@contextmanager
def working(command: str, *, need_api: bool) -> Iterator[Work]:
    """Settings, home and progress for a command that writes, under the home's lock.

    An interruption (Ctrl-C, SIGTERM) is reported with what has landed and what to do next. The commands that
    a scheduler runs are recorded, and their alerts are sent.
    """
    from pipelines.cli.console import show_notices
    from pipelines.lock import locked
    from pipelines.progress import progress_for
    from pipelines.settings import load_settings

    home = home_to_write(may_be_new=command in _LOADING)
    scheduled = _Scheduled(home, command) if command in _SCHEDULED else None
    try:
        settings = load_settings(home, need_api=need_api)
        show_notices(settings.notices)
        with locked(home, command):
            work = Work(settings, home, progress_for())
            if scheduled:
                scheduled.start()
            try:
                yield work
            except BaseException as error:
                interruption = interruption_in(error)
                if interruption is None:
                    raise
                sys.stderr.write(_interrupted(command, home, settings))
                raise interruption from None
            finally:
                if scheduled:
                    scheduled.requests, scheduled.loaded_until = work.requests, work.loaded_until
    except BaseException as error:
        if scheduled and not isinstance(error, LockedError):
            scheduled.finish(exit_code_of(error))
        raise
    if scheduled:
        scheduled.finish(0)


def exit_code_of(error: BaseException) -> int:
    """The exit code for `error`."""
    if isinstance(error, typer.Exit):
        return error.exit_code
    interruption = interruption_in(error)
    if isinstance(interruption, KeyboardInterrupt):
        return 130
    if interruption is not None and isinstance(interruption.code, int):
        return interruption.code
    known = explained(error)
    return known.exit_code if known else CallmartError.exit_code


_SCHEDULED = frozenset({"load", "run", "reconcile", "transform"})
"""The commands that a scheduler runs."""


class _Scheduled:
    """Records a run of a scheduled command and sends its alerts.

    Nothing is sent when another callmart holds the lock (exit code 4): that run reports for itself.
    """

    def __init__(self, home: Home, command: str) -> None:
        from pipelines.runs import utc_now
        from pipelines.settings import load_alerts

        self._home = home
        self._command = command
        self._started = utc_now()
        self._alerts = load_alerts()
        self.requests: int | None = None
        self.loaded_until: datetime | None = None

    def start(self) -> None:
        self._alerts.started()

    def finish(self, exit_code: int) -> None:
        from pipelines.runs import Run, read_runs, record, utc_now

        now = utc_now()
        seconds = (now - self._started).total_seconds()
        run = Run(self._command, self._started, seconds, exit_code, self.requests, self.loaded_until)
        try:
            record(self._home, run)
            reached = [until for each in (*read_runs(self._home), run) if (until := each.loaded_until)]
            latest = max(reached, default=None)
            self._alerts.finished(self._home, self._command, exit_code, latest, now)
        except Exception:
            _logger.exception("the run could not be recorded")  # the command's own result counts


def interruption_in(error: BaseException) -> KeyboardInterrupt | SystemExit | None:
    """The Ctrl-C or SIGTERM that caused `error`, if any.

    DuckDB turns an exception that a signal handler raises during a query into a `RuntimeError` of its own.
    """
    for each in (error, error.__cause__ if isinstance(error, RuntimeError) else None):
        if isinstance(each, KeyboardInterrupt):
            return each
        if isinstance(each, SystemExit):
            return each
    return None


def instant_option(option: str, text: str) -> datetime:
    """The instant (UTC) that an option gives. Raises `BadParameter` that names the option and the value."""
    from pipelines.ccaip.windows import parse_instant

    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option} {text} {error}.") from None


_LOADING = frozenset({"load", "backfill", "run"})
"""The commands that the first load of a new project folder may be."""


def _interrupted(command: str, home: Home, settings: Settings) -> str:
    """What an interrupted command has done, and what to do next."""
    if command not in _LOADING:
        return f"interrupted: run `callmart {command}` again to finish it.\n"
    return (
        f"interrupted: {_landed(home, settings)} Run `callmart {command}` again: it continues from there.\n"
    )


def _landed(home: Home, settings: Settings) -> str:
    from pipelines.cli.console import instant
    from pipelines.status import read_status

    try:
        until = read_status(home, settings).fresh.tail_until
    except Exception:  # the message must not hide the interruption
        until = None
    if until is None:
        return "what was loaded stays in the warehouse."
    return f"what was loaded stays in the warehouse; changes up to {instant(until)} are loaded."
