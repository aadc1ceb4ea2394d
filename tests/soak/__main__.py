"""`python -m tests.soak --seeds 200 [--destination postgres]`: run seeds and print a line for each, and a total; fails unless every count is 0."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext

from tests.postgres import PostgresServer, running_server, why_not
from tests.soak.machine import PROCESSES
from tests.soak.soak import Result, soak

_KINDS = ("lost", "stale", "duplicated", "unexplained")
_SEEDS_PER_PROCESS = 25  # replace a process after this many seeds


def main() -> int:
    """Soak the given seeds. Returns 1 if any of them ended with a difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="number of parallel processes")
    parser.add_argument("--destination", choices=("duckdb", "postgres"), default="duckdb")
    asked = parser.parse_args()
    if asked.destination == "postgres" and (reason := why_not()):
        parser.error(reason)
    started = time.monotonic()
    totals = dict.fromkeys((*_KINDS, "loads", "backfills", "kills", "requests", "calls"), 0)
    failed = []
    seeds = range(asked.first, asked.first + asked.seeds)
    with running_server() if asked.destination == "postgres" else nullcontext() as server:
        for result in _soaked(seeds, asked.jobs, server):
            _show(result)
            for kind in _KINDS:
                totals[kind] += getattr(result.verdict, kind)
            for what in ("loads", "backfills", "kills", "requests", "calls"):
                totals[what] += getattr(result, what)
            if not result.verdict.is_fine:
                failed.append(result.seed)
    counted = ", ".join(f"{count:,} {what}" for what, count in totals.items())
    _say(f"{asked.seeds} seeds in {time.monotonic() - started:.0f} s: {counted}")
    for seed in sorted(failed):
        _say(f"again: python -m tests.soak --destination {asked.destination} --first {seed} --seeds 1")
    return 1 if failed else 0


def _soaked(seeds: range, jobs: int, server: PostgresServer | None) -> Iterator[Result]:
    """The results as they are completed."""
    together = jobs * _SEEDS_PER_PROCESS
    for start in range(0, len(seeds), together):
        # a pool each: one that replaces its workers (max_tasks_per_child) hangs in Python before 3.12.3
        with ProcessPoolExecutor(jobs, mp_context=PROCESSES) as pool:
            for done in as_completed(
                [pool.submit(soak, seed, server) for seed in seeds[start : start + together]]
            ):
                yield done.result()


def _show(result: Result) -> None:
    verdict = result.verdict
    found = ", ".join(f"{getattr(verdict, kind)} {kind}" for kind in _KINDS if getattr(verdict, kind)) or "ok"
    _say(
        f"seed {result.seed:4}  faults {len(result.faults):2}  loads {result.loads}  backfills {result.backfills}"
        f"  kills {result.kills}  failed {len(result.failures)}  requests {result.requests:4}"
        f"  calls {result.calls:3}  {result.seconds:5.1f} s  {found}",
    )
    if not verdict.is_fine:
        _say(f"    faults: {', '.join(result.faults)}")
        for line in (*result.failures, *verdict.examples):
            _say(f"    {line}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
