"""The commands of a seed: loads and backfills, some of them killed, on several machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from pipelines.steps import Step
from simulator.faults import ALL, Bounds, Fault, Storm
from tests.extraction.living import START
from tests.storm.killing import STAGES

Command = Literal["load", "backfill"]

_MOST_TIMES: dict[Step | str, int] = {
    "plan": 1, "fetch": 3, "explode": 2, "normalise": 2, "load": 2, "verify": 2, **dict.fromkeys(STAGES, 2)
}  # fmt: skip
"""Where to kill, and the largest number of times that a step or stage is reached before."""

_ADVANCES_SECONDS = ((30, 3600), (3600, 10_800), (10_800, 36_000))


@dataclass(frozen=True)
class Run:
    """One command. The platform's clock moves on by `after` first; `kill_at` is a step as `pipelines.steps` reads it.

    A backfill asks for what changed between `start` and `end` (UTC). Each `machine` has its own working
    folder; they share the warehouse.
    """

    command: Command
    after: timedelta
    machine: int
    kill_at: str = ""
    start: datetime = START
    end: datetime = START
    newest_first: bool = False


def make_schedule(seed: int) -> list[Run]:
    """Three or four runs during the storm, one or two of which are killed."""
    rng = Random(f"schedule {seed}")
    count = rng.randint(3, 4)
    killed = rng.sample(range(count), rng.randint(1, 2))
    return [_run(rng, number in killed) for number in range(count)]


def moments(schedule: Sequence[Run]) -> list[datetime]:
    """When the runs happen (UTC), without the seconds by which a storm moves the clock."""
    return [
        START + sum((run.after for run in schedule[:count]), timedelta())
        for count in range(1, len(schedule) + 1)
    ]


def make_storm(seed: int) -> Storm:
    """A storm of some of the faults, of all of them every tenth time."""
    rng = Random(f"storm {seed}")
    faults = sorted(ALL)
    return Storm(
        seed,
        faults=frozenset(faults if seed % 10 == 0 else rng.sample(faults, rng.randint(3, len(faults) - 1))),
        requests=500,
        probability=rng.choice((0.05, 0.1, 0.2, 0.3)),
        share=rng.choice((0.05, 0.1, 0.2, 0.3)),
        bounds=Bounds(retry_after_seconds=0, slow_seconds=0.001, crowd=rng.choice((50, 150, 300))),
    )


def needs_reconciling(storm: Storm) -> bool:
    """Whether calls change in a way that only `callmart reconcile` can find."""
    return bool(storm.faults & {Fault.SILENT, Fault.VANISHING})


def _run(rng: Random, killed: bool) -> Run:
    shortest, longest = rng.choice(_ADVANCES_SECONDS[1:] if killed else _ADVANCES_SECONDS)
    start = START + timedelta(seconds=rng.randrange(-3600, 30_000))
    return Run(
        command=rng.choice(("load", "load", "load", "backfill")),
        after=timedelta(seconds=rng.randint(shortest, longest)),
        machine=rng.choice((0, 0, 0, 1, 2)),
        kill_at=_moment(rng) if killed else "",
        start=start,
        end=start + timedelta(seconds=rng.randint(3600, 80_000)),
        newest_first=rng.random() < 0.5,
    )


def _moment(rng: Random) -> str:
    """A step and the number of times it is reached, in the format of CALLMART_KILL_AT."""
    step = rng.choice(sorted(_MOST_TIMES))
    return f"{step}:{rng.randint(1, _MOST_TIMES[step]) if rng.random() < 0.5 else 1}"
