"""`python -m tests.mutants`: a line for each planted mistake, caught by what; fails if one survived."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.mutants.bench import Bench
from tests.mutants.mistakes import MISTAKES, Mistake
from tests.shared import shared_folder

SURVIVED = "SURVIVED"


def main() -> int:
    """Plant the mistakes asked for; 1 when one survived or could not be planted."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", help="mistakes whose name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="how many side by side")
    asked = parser.parse_args()
    started = time.monotonic()
    wanted = [mistake for mistake in MISTAKES if not asked.only or asked.only in mistake.name]
    lost = [mistake.name for mistake in wanted if not mistake.is_applicable()]
    with shared_folder(), ProcessPoolExecutor(asked.jobs) as pool:
        # In a row: those of increments, which need warehouses of their own, stand together.
        size = -(-len(wanted) // asked.jobs)
        parts = [wanted[start : start + size] for start in range(0, len(wanted), size)]
        verdicts: Counter[str] = sum(pool.map(judge, parts), Counter())
    for name in lost:
        _say(f"{name}: its file no longer says what it replaces, exactly once")
    counted = ", ".join(f"{count} by {catcher}" for catcher, count in verdicts.most_common())
    _say(f"{len(wanted)} mistakes in {time.monotonic() - started:.0f} s: {counted}")
    return 1 if verdicts[SURVIVED] or lost else 0


def judge(mistakes: Sequence[Mistake]) -> Counter[str]:
    """How many mistakes each catcher caught; those that survived under `SURVIVED`."""
    verdicts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(Path(work))
        for mistake in mistakes:
            caught = bench.caught(mistake) or SURVIVED
            verdicts[caught.partition(":")[0].partition(",")[0]] += 1
            _say(f"{mistake.file} · {mistake.name}: {' '.join(caught.split())[:160]}")
    return verdicts


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
