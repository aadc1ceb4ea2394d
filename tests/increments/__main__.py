"""`python -m tests.increments --seeds 200`: a line for each random history; fails if one build is not exact."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.increments import on_postgres
from tests.increments.histories import Round, history
from tests.increments.rebuild import empty_warehouse, rebuild
from tests.marts.workshop import Workshop
from tests.postgres import running_server, why_not
from tests.shared import shared_folder

Rebuild = Callable[[Path, Sequence[Round]], list[str]]
"""Builds the rounds in a folder; what differs."""


def main() -> int:
    """Rebuild the histories asked for; 1 when an incremental build differed from the full one."""
    parser = argparse.ArgumentParser(prog="python -m tests.increments", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--increments", type=int, default=4, help="builds after the first, in each")
    parser.add_argument("--destination", choices=("duckdb", "postgres"), default="duckdb")
    asked = parser.parse_args()
    if asked.destination == "postgres" and (reason := why_not()):
        parser.error(reason)
    failed = []
    with shared_folder(), tempfile.TemporaryDirectory() as name:
        work = Path(name)
        with (_on_postgres if asked.destination == "postgres" else _on_duckdb)(work) as rebuilt:
            for seed in range(asked.first, asked.first + asked.seeds):
                started = time.monotonic()
                rounds = history(seed, asked.increments)
                differences = rebuilt(work / str(seed), rounds)
                calls = sum(len(load.calls) for now in rounds for load in now.loads)
                changes = sum(len(now.changes) for now in rounds)
                _say(
                    f"seed {seed:4}  rounds {len(rounds)}  calls landed {calls:3}  changes {changes:2}"
                    f"  {time.monotonic() - started:5.1f} s  {'; '.join(differences) or 'ok'}"
                )
                failed += [seed] if differences else []
                shutil.rmtree(work / str(seed))
    for seed in failed:
        _say(
            f"again: python -m tests.increments --first {seed} --seeds 1 --increments {asked.increments}"
            f" --destination {asked.destination}"
        )
    return 1 if failed else 0


@contextmanager
def _on_duckdb(work: Path) -> Iterator[Rebuild]:
    workshop = Workshop(work)
    empty = empty_warehouse(workshop, work / "empty")
    yield lambda folder, rounds: rebuild(workshop, empty, folder, rounds).differences


@contextmanager
def _on_postgres(work: Path) -> Iterator[Rebuild]:
    with running_server() as server, server.database() as database:
        workshop = on_postgres.PostgresWorkshop(work, server, database)
        yield lambda folder, rounds: on_postgres.rebuild(workshop, folder, rounds)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
