"""Run callmart for a seed: in this process, or in one that is killed."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread

import pytest

from pipelines.ccaip import reader
from pipelines.ccaip.client import Client
from pipelines.errors import CallmartError
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.steps import KILL_VARIABLE
from pipelines.warehouse import load as loading
from pipelines.warehouse.load import backfill, load_new
from pipelines.warehouse.reconcile import reconcile
from tests.soak.schedule import Run
from tests.storm.killing import STAGES, kill_at_stage

_KILLED = -9
_QUIET = SilentProgress()

# Processes that are to be killed are forked from one that has imported everything, and holds nothing else.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.soak.soak"])

logging.getLogger("pipelines").addHandler(logging.NullHandler())  # warnings of a storm are many, and expected


@dataclass(frozen=True)
class Small:
    """How much the windows and the chunks of a seed may hold (calls), so that even small worlds have several."""

    window: int
    chunk: int


@dataclass(frozen=True)
class Outcome:
    """The outcome of a command: killed, failed with one of callmart's errors, or done."""

    killed: bool = False
    failed: str = ""


@dataclass(frozen=True)
class Machine:
    """A working folder over the warehouse that `settings` name."""

    settings: Settings
    folder: Path
    small: Small

    def run(self, run: Run) -> Outcome:
        """Run a scheduled command, in another process if it is to be killed."""
        if not run.kill_at:
            return self._run(run)
        here, there = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=_run_to_be_killed, args=(self, run, there))
        process.start()
        there.close()
        process.join()
        if process.exitcode == _KILLED:
            return Outcome(killed=True)
        return here.recv()  # it ended before the step at which it was to be killed

    def load(self) -> Outcome:
        """`callmart load`."""
        return self._do(lambda home: load_new(self.settings, home, _QUIET))

    def heal(self, start: datetime, end: datetime) -> Outcome:
        """`callmart reconcile --heal` of what was queued or changed between the two (UTC)."""
        return self._do(lambda home: reconcile(self.settings, home, _QUIET, start, end, heal=True))

    def _run(self, run: Run) -> Outcome:
        if run.command == "load":
            return self.load()
        return self._do(
            lambda home: backfill(
                self.settings, home, _QUIET, run.start, run.end, newest_first=run.newest_first
            )
        )

    def _do(self, command: Callable[[Home], object]) -> Outcome:
        home = Home(self.folder)
        home.activate()
        with _hurried(self.small):
            try:
                command(home)
            except CallmartError as error:
                return Outcome(failed=str(error))
        return Outcome()


@contextmanager
def _hurried(small: Small) -> Iterator[None]:
    """Small windows and chunks, and a client that has no time for pauses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "CALLS_PER_WINDOW", small.window)
        patch.setattr(loading, "IDS_PER_WINDOW", small.window)
        patch.setattr(loading, "CALLS_PER_PACKAGE", small.chunk)
        patch.setattr(reader, "CALLS_PER_WINDOW", small.window)
        patch.setitem(Client.__init__.__kwdefaults__ or {}, "longest_pause_seconds", 0.005)
        yield


def _run_to_be_killed(machine: Machine, run: Run, told: Connection) -> None:
    if run.kill_at.partition(":")[0] in STAGES:
        folder = Home(machine.folder).pipelines_dir / "ccaip"
        shutil.rmtree(folder, ignore_errors=True)  # what an earlier load left would be taken for this one's
        watching = (folder, run.kill_at, partial(os.kill, os.getpid(), signal.SIGKILL), lambda: False)
        Thread(target=kill_at_stage, args=watching, daemon=True).start()
    else:
        os.environ[KILL_VARIABLE] = run.kill_at
    told.send(machine._run(run))  # noqa: SLF001
