"""Show the progress of long commands: bars on a terminal, plain log lines elsewhere.

    with progress.stage("load calls", total=None, unit="calls") as stage:
        stage.expect(40_000)
        stage.advance(100)

Elsewhere means a scheduler's log or a CI job, where a redrawn bar would be thousands of lines. They get lines
with timestamps, at most one every few seconds per stage. Everything goes to stderr; stdout is for results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

SECONDS_BETWEEN_LINES = 5.0


class Stage(Protocol):
    """One part of a long command."""

    def advance(self, amount: int = 1) -> None:
        """Count `amount` more units as done."""

    def expect(self, total: int) -> None:
        """Set the number of units that are expected in total."""

    def note(self, text: str) -> None:
        """Show what is being done, in a few words."""


class Progress(Protocol):
    """Shows stages."""

    def stage(self, name: str, total: int | None = None, unit: str = "") -> AbstractContextManager[Stage]:
        """Show one stage until the block ends. `total` is None while it is not known."""

    def warn(self, text: str) -> None:
        """Show a line that needs attention at once."""


def progress_for(stream: TextIO | None = None) -> Progress:
    """Bars when `stream` (default: stderr) is a terminal, log lines when it is not."""
    stream = stream or sys.stderr
    console = Console(file=stream, stderr=stream is sys.stderr)
    return TerminalProgress(console) if console.is_terminal else PlainProgress(stream)


# --- a terminal -----------------------------------------------------------------------------------


@dataclass
class _Bar:
    bars: Bars
    task: TaskID

    def advance(self, amount: int = 1) -> None:
        self.bars.advance(self.task, amount)

    def expect(self, total: int) -> None:
        self.bars.update(self.task, total=total)

    def note(self, text: str) -> None:
        self.bars.update(self.task, note=text)


class TerminalProgress:
    """A bar per stage; finished stages stay on the screen with their time."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Stage]:
        columns = (
            SpinnerColumn(finished_text="[green]✓[/green]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
        )
        with Bars(*columns, console=self._console) as bars:
            task = bars.add_task(name, total=total, unit=unit, note="")
            yield _Bar(bars, task)
            # A stage that ended without an error is complete, whatever total was expected.
            bars.update(task, total=bars.tasks[0].completed, note="")

    def warn(self, text: str) -> None:
        self._console.print(Text(text, style="yellow"))


# --- a log ----------------------------------------------------------------------------------------


class _Lines:
    """Writes a line when a stage starts, while it goes on, and when it ends."""

    def __init__(self, stream: TextIO, name: str, total: int | None, unit: str) -> None:
        self._stream, self._name, self._total, self._unit = stream, name, total, unit
        self._done = 0
        self._note = ""
        self._started = self._last = time.monotonic()

    def advance(self, amount: int = 1) -> None:
        self._done += amount
        self._now_and_then()

    def expect(self, total: int) -> None:
        self._total = total

    def note(self, text: str) -> None:
        self._note = text
        self._now_and_then()

    def line(self, text: str) -> None:
        print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {self._name}: {text}", file=self._stream, flush=True)

    def end(self, how: str) -> None:
        count = f", {self._done:,} {self._unit}".rstrip() if self._done else ""
        self.line(f"{how}{count} in {time.monotonic() - self._started:.1f} s")

    def _now_and_then(self) -> None:
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = now
        of = f" of {self._total:,}" if self._total else ""
        note = f" ({self._note})" if self._note else ""
        self.line(f"{self._done:,}{of} {self._unit}{note}")


class PlainProgress:
    """Timestamped lines (UTC) for logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Stage]:
        lines = _Lines(self._stream, name, total, unit)
        lines.line("started")
        try:
            yield lines
        except BaseException:
            lines.end("failed")
            raise
        lines.end("done")

    def warn(self, text: str) -> None:
        _Lines(self._stream, "warning", None, "").line(text)


# --- nowhere --------------------------------------------------------------------------------------


class _Nothing:
    def advance(self, amount: int = 1) -> None: ...

    def expect(self, total: int) -> None: ...

    def note(self, text: str) -> None: ...


class SilentProgress:
    """Shows nothing: for tests and benchmarks."""

    @contextmanager
    def stage(self, name: str, total: int | None = None, unit: str = "") -> Iterator[Stage]:
        yield _Nothing()

    def warn(self, text: str) -> None: ...
