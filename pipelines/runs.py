"""The record of scheduled runs: `var/runs.json` in the home.

Each scheduled command (load, run, reconcile, transform) records its start, duration, exit code and number of
requests. `callmart status`, the alerts and the Prometheus metrics read it. A missing or damaged
record is treated as empty and never makes a command fail.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from pipelines.home import Home

_KEPT = 30  # of each command
_RUNS_TO_JUDGE = 4  # three gaps between starts


@dataclass(frozen=True)
class Run:
    """One run of a scheduled command. Instants are UTC.

    `requests` is None when the command made none, `loaded_until` when it completed no load.
    """

    command: str
    started_at: datetime
    seconds: float
    exit_code: int
    requests: int | None = None
    loaded_until: datetime | None = None

    @property
    def finished_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.seconds)


def read_runs(home: Home) -> tuple[Run, ...]:
    """The runs on record, oldest first."""
    try:
        return tuple(_run(**each) for each in json.loads(_file(home).read_text()))
    except (OSError, ValueError, TypeError):
        return ()


def record(home: Home, run: Run) -> None:
    """Add a run to the record, and drop old ones."""
    runs = [asdict(each) for each in _kept((*read_runs(home), run))]
    write_whole(_file(home), json.dumps(runs, indent=1, default=datetime.isoformat))


def schedule_kept(runs: Sequence[Run], now: datetime) -> tuple[bool, timedelta] | None:
    """Whether the latest load is no older than the schedule allows, and the usual time between two loads.

    The schedule is taken from the record: the median time between the starts of loads. A load is late if it
    is more than twice as old. None if there are too few runs.
    """
    starts = [run.started_at for run in runs if run.command in ("load", "run")]
    if len(starts) < _RUNS_TO_JUDGE:
        return None
    gaps = ((later - earlier).total_seconds() for earlier, later in pairwise(starts))
    usual = timedelta(seconds=median(gaps))
    return now - starts[-1] <= 2 * usual + timedelta(minutes=1), usual


def write_whole(file: Path, text: str, mode: int = 0o600) -> None:
    """Write a temporary file and rename it, so that no reader sees half of it. `mode` is the new file's mode."""
    draft = file.with_name(file.name + ".part")
    draft.write_text(text)
    draft.chmod(mode)
    draft.replace(file)


def utc_now() -> datetime:
    return datetime.now(UTC)


def _kept(runs: Sequence[Run]) -> Iterator[Run]:
    """For each command: the latest runs, the last success and the last complete load, however old."""
    for position, run in enumerate(runs):
        later = [each for each in runs[position + 1 :] if each.command == run.command]
        if (
            len(later) < _KEPT
            or (run.exit_code == 0 and all(each.exit_code for each in later))
            or (run.loaded_until and not any(each.loaded_until for each in later))
        ):
            yield run


def _run(started_at: str, loaded_until: str | None = None, **others: Any) -> Run:
    until = datetime.fromisoformat(loaded_until) if loaded_until else None
    return Run(started_at=datetime.fromisoformat(started_at), loaded_until=until, **others)


def _file(home: Home) -> Path:
    return home.lock_file.with_name("runs.json")
