"""`python -m tests.mutants`: plant mistakes and print what caught each; fails if one survived."""

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
    """Plant the selected mistakes. Returns 1 if one survived or could not be planted."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", help="mistakes whose name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="number of parallel processes")
    asked = parser.parse_args()
    started = time.monotonic()
    wanted = [mistake for mistake in MISTAKES if not asked.only or asked.only in mistake.name]
    lost = [mistake.name for mistake in wanted if not mistake.is_applicable()]
    with shared_folder(), ProcessPoolExecutor(asked.jobs) as pool:
        # Keep the order: mistakes of increments, which need their own warehouses, are next to each other.
        size = -(-len(wanted) // asked.jobs)
        parts = [wanted[start : start + size] for start in range(0, len(wanted), size)]
        verdicts: Counter[str] = sum(pool.map(judge, parts), Counter())
    for name in lost:
        _say(f"{name}: its file no longer has the replaced text exactly once")
    counted = ", ".join(f"{count} by {catcher}" for catcher, count in verdicts.most_common())
    _say(f"{len(wanted)} mistakes in {time.monotonic() - started:.0f} s: {counted}")
    return 1 if verdicts[SURVIVED] or lost else 0


def judge(mistakes: Sequence[Mistake]) -> Counter[str]:
    """The number of mistakes that each kind of test caught; survivors are under `SURVIVED`."""
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
