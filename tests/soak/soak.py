"""Run one seed: a world, a storm, a schedule, and a comparison with the truth after the storm."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import text

from pipelines.ccaip.privacy.policy import KEEP_ALL
from pipelines.settings import Settings
from pipelines.warehouse.connect import Catalog, exists, reading
from simulator.faults import SETTLING, Storm, StormySource
from simulator.platform import Clock, Credentials, Platform
from tests.extraction.conftest import TOKEN, USER
from tests.extraction.living import START
from tests.postgres import PostgresServer
from tests.soak.ledger import audit, open_windows
from tests.soak.machine import Machine, Outcome, Small
from tests.soak.schedule import Run, make_schedule, make_storm, moments, needs_reconciling
from tests.soak.served import Served
from tests.soak.verdict import Verdict, judge, judge_vanished
from tests.soak.world import last_change, make_world

_MOST_LAST_LOADS = 6
_BEFORE_ALL = START.replace(hour=0)


@dataclass
class Result:
    """The result of a seed."""

    seed: int
    faults: list[str]
    loads: int = 0
    backfills: int = 0
    kills: int = 0
    failures: list[str] = field(default_factory=list)
    requests: int = 0
    calls: int = 0
    seconds: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)


def soak(seed: int, server: PostgresServer | None = None) -> Result:
    """Run one seed in its own folder, and in its own database of `server`; both are removed afterwards."""
    started = time.monotonic()
    storm = make_storm(seed)
    result = Result(seed, sorted(storm.faults))
    with (
        TemporaryDirectory(prefix="soak-") as folder,
        server.database() if server else nullcontext() as database,
        _kept_environment(),
    ):
        credentials = server.credentials(database) if server and database else {}
        try:
            _Seed(seed, storm, Path(folder), credentials, result).run()
        except Exception:  # so that the other seeds are run too
            result.verdict.add("unexplained", traceback.format_exc())
    result.seconds = time.monotonic() - started
    return result


class _Seed:
    """A seed while it runs."""

    def __init__(
        self, seed: int, storm: Storm, folder: Path, credentials: dict[str, Any], result: Result
    ) -> None:
        rng = Random(f"seed {seed}")
        self._schedule = make_schedule(seed)
        self._storm = storm
        self._folder = folder
        self._credentials = credentials
        self._result = result
        self._world = make_world(seed, moments(self._schedule))
        self._stormy: StormySource = storm.over(self._world)
        self._served = Served(self._stormy)
        self._small = Small(window=rng.choice((40, 100, 300)), chunk=rng.choice((150, 400, 1000)))
        self._newest: dict[int, datetime] = {}

    def run(self) -> None:
        clock = Clock.frozen(START)
        with Platform(
            self._served,
            clock=clock,
            credentials=Credentials(USER, TOKEN),
            requests_per_second=0,
            faults=self._storm.transport(),
        ) as platform:
            self._settings = Settings(
                warehouse=self._folder / "warehouse" / "callmart.duckdb",
                destination="postgres" if self._credentials else "duckdb",
                credentials=self._credentials,
                base_url=platform.base_url,
                username=USER,
                api_token=TOKEN,
                start_date=_BEFORE_ALL,
                requests_per_second=100_000,
                privacy=KEEP_ALL,  # the warehouse is compared with what the platform says
            )
            for each in self._schedule:
                clock.advance(each.after)
                self._run(each)
            self._storm.stop()
            end = max(clock.now(), last_change(self._world)) + SETTLING + timedelta(hours=1)
            clock.set(end)
            self._load_until_nothing_is_open()
            self._reconcile(end)
            self._result.requests = platform.stats.requests
        self._judge(end)

    def _machine(self, number: int) -> Machine:
        return Machine(self._settings, self._folder / f"machine-{number}", self._small)

    def _run(self, run: Run) -> None:
        outcome = self._machine(run.machine).run(run)
        if run.command == "load":
            self._result.loads += 1
        else:
            self._result.backfills += 1
        self._result.kills += outcome.killed
        if outcome.failed:
            self._result.failures.append(outcome.failed)
        if not outcome.killed:
            self._see_that_nothing_went_back()

    def _see_that_nothing_went_back(self) -> None:
        """An older version of a call must never replace a newer one, not even temporarily."""
        if not exists(self._settings):
            return
        with reading(self._settings) as connection:
            if Catalog(connection).relation("calls") is None:
                return
            versions = connection.execute(text("select id, updated_at from ccaip.calls"))
            now = {row.id: row.updated_at for row in versions}
        for call_id, before in self._newest.items():
            if call_id not in now:
                self._result.verdict.add("lost", f"call {call_id} was in the warehouse and is not any more")
            elif now[call_id] < before:
                self._result.verdict.add(
                    "stale", f"call {call_id} of {now[call_id]} replaced that of {before}"
                )
        self._newest = now

    def _load_until_nothing_is_open(self) -> None:
        """Load after the storm, repeatedly like a scheduler, until no window is open."""
        for _ in range(_MOST_LAST_LOADS):
            self._must(self._machine(0).load())
            self._result.loads += 1
            self._see_that_nothing_went_back()
            with reading(self._settings) as connection:
                if not open_windows(connection):
                    return

    def _reconcile(self, end: datetime) -> None:
        if needs_reconciling(self._storm):
            self._must(self._machine(0).heal(_BEFORE_ALL, end))

    def _must(self, outcome: Outcome) -> None:
        if outcome.failed:
            self._result.verdict.add("unexplained", f"failed after the storm: {outcome.failed}")

    def _judge(self, end: datetime) -> None:
        truth = self._stormy.truth(end)
        self._result.calls = len(truth)
        verdict = self._result.verdict
        with reading(self._settings) as connection:
            judge(connection, truth, self._served, verdict)
            if needs_reconciling(self._storm):
                judge_vanished(connection, self._stormy.vanished(end), verdict)
            audit(connection, _BEFORE_ALL, verdict)


@contextmanager
def _kept_environment() -> Iterator[None]:
    """Undo what `Home.activate()` sets in this process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
