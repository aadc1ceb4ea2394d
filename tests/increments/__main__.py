"""`python -m tests.increments --seeds 200`: a line for each random history; fails if one build is not exact."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.increments.histories import history
from tests.increments.rebuild import empty_warehouse, rebuild
from tests.marts.workshop import Workshop
from tests.shared import shared_folder


def main() -> int:
    """Rebuild the histories asked for; 1 when an incremental build differed from the full one."""
    parser = argparse.ArgumentParser(prog="python -m tests.increments", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--increments", type=int, default=4, help="builds after the first, in each")
    asked = parser.parse_args()
    failed = []
    with shared_folder(), tempfile.TemporaryDirectory() as name:
        work = Path(name)
        workshop = Workshop(work)
        empty = empty_warehouse(workshop, work / "empty")
        for seed in range(asked.first, asked.first + asked.seeds):
            started = time.monotonic()
            rounds = history(seed, asked.increments)
            differences = rebuild(workshop, empty, work / str(seed), rounds).differences
            calls = sum(len(load.calls) for now in rounds for load in now.loads)
            changes = sum(len(now.changes) for now in rounds)
            _say(
                f"seed {seed:4}  rounds {len(rounds)}  calls landed {calls:3}  changes {changes:2}"
                f"  {time.monotonic() - started:5.1f} s  {'; '.join(differences) or 'ok'}"
            )
            failed += [seed] if differences else []
            shutil.rmtree(work / str(seed))
    for seed in failed:
        _say(f"again: python -m tests.increments --first {seed} --seeds 1 --increments {asked.increments}")
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
