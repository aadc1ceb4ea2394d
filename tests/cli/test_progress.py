"""A log file gets lines a person can read, not a bar drawn a thousand times."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from pipelines import progress as module
from pipelines.progress import PlainProgress, SilentProgress, TerminalProgress, progress_for


class Ticking:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Ticking:
    ticking = Ticking()
    monkeypatch.setattr(module, "time", ticking)
    return ticking


def test_what_is_no_terminal_gets_lines() -> None:
    assert isinstance(progress_for(io.StringIO()), PlainProgress)


def test_lines_are_stamped_counted_and_seldom(clock: Ticking) -> None:
    log = io.StringIO()
    with PlainProgress(log).stage("load", unit="calls") as stage:
        stage.expect(1000)
        for _ in range(10):
            clock.now += 1
            stage.advance(100)
        stage.note("last window")
    lines = log.getvalue().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ load: ", line) for line in lines)
    assert [line.partition(": ")[2] for line in lines] == [
        "started",
        "500 of 1,000 calls",
        "1,000 of 1,000 calls",
        "done, 1,000 calls in 10.0 s",
    ]


def test_a_note_is_shown_while_it_holds(clock: Ticking) -> None:
    log = io.StringIO()
    with PlainProgress(log).stage("build", unit="models") as stage:
        stage.advance()
        clock.now += 5
        stage.note("fct_calls")
    assert "build: 1 models (fct_calls)" in log.getvalue()


def test_a_stage_that_fails_says_so(clock: Ticking) -> None:
    log = io.StringIO()
    with pytest.raises(ValueError), PlainProgress(log).stage("load", unit="calls") as stage:
        stage.advance(3)
        raise ValueError
    assert log.getvalue().endswith("load: failed, 3 calls in 0.0 s\n")
    assert "done" not in log.getvalue()


def test_a_bar_ends_at_what_was_done_not_at_what_was_expected() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    with TerminalProgress(console).stage("load", total=500, unit="calls") as stage:
        stage.advance(480)
    assert "480/480" in screen.getvalue()


def test_silence() -> None:
    with SilentProgress().stage("load") as stage:
        stage.expect(3)
        stage.advance()
        stage.note("quiet")
