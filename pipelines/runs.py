"""The record of scheduled runs: `var/runs.json` in the home.

Each command that a scheduler runs (load, run, reconcile, transform) leaves its start, duration, exit code and
number of requests. `callmart status`, the alerts and the Prometheus metrics read it. A missing or damaged
record is treated as empty: it is never a reason to fail.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from pipelines.home import Home

_KEPT = 50
_RUNS_TO_JUDGE = 4  # three gaps between starts


@dataclass(frozen=True)
class Run:
    """One run of a scheduled command. `started_at` is UTC; `requests` is None when the command made none."""

    command: str
    started_at: datetime
    seconds: float
    exit_code: int
    requests: int | None = None

    @property
    def finished_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.seconds)


def read_runs(home: Home) -> tuple[Run, ...]:
    """The latest runs, oldest first."""
    try:
        return tuple(
            Run(**each | {"started_at": datetime.fromisoformat(each["started_at"])})
            for each in json.loads(_file(home).read_text())
        )
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def record(home: Home, run: Run) -> None:
    """Add a run to the record; the caller holds the home's lock."""
    runs = [asdict(each) | {"started_at": each.started_at.isoformat()} for each in (*read_runs(home), run)]
    write_whole(_file(home), json.dumps(runs[-_KEPT:], indent=1))


def schedule_kept(runs: Sequence[Run], now: datetime) -> tuple[bool, timedelta] | None:
    """Whether the latest load is no older than the schedule allows, and the usual time between two loads.

    The schedule is taken from the record: the median time between the starts of loads. A load is late when it
    is more than two such times old. None while there are too few runs to tell.
    """
    starts = [run.started_at for run in runs if run.command in ("load", "run")]
    if len(starts) < _RUNS_TO_JUDGE:
        return None
    usual = median(later - earlier for earlier, later in zip(starts, starts[1:], strict=False))
    return now - starts[-1] <= 2 * usual + timedelta(minutes=1), usual


def write_whole(file: Path, text: str) -> None:
    """Write beside the file, then rename, so that nobody reads half of it."""
    draft = file.with_name(file.name + ".part")
    draft.write_text(text)
    draft.replace(file)


def utc_now() -> datetime:
    return datetime.now(UTC)


def _file(home: Home) -> Path:
    return home.lock_file.with_name("runs.json")
