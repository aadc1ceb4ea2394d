"""`python -m tests.fuzz --seconds 60`: load pages with broken calls for some time, and print a line per load."""

from __future__ import annotations

import argparse
import sys
import time
from itertools import count

from tests.fuzz.pages import fuzzed
from tests.shared import shared_folder


def main() -> int:
    """Fuzz for the given time. Returns 1 if a load failed or lost another call."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--pages", type=int, default=20, help="pages per load, each with a broken call")
    asked = parser.parse_args()
    over = time.monotonic() + asked.seconds
    failed, pages = [], 0
    with shared_folder():
        for seed in count(asked.first):
            result = fuzzed(seed, asked.pages)
            pages += asked.pages
            if not result.is_fine:
                failed.append(seed)
            verdict = result.error or (f"lost: {result.lost[:5]}" if result.lost else "ok")
            sys.stdout.write(f"seed {seed:4}  pages {asked.pages}  rejected {result.rejected:3}  {verdict}\n")
            sys.stdout.flush()
            if time.monotonic() >= over:
                break
    sys.stdout.write(f"{pages:,} pages, {len(failed)} loads failed\n")
    for seed in failed:
        sys.stdout.write(f"again: python -m tests.fuzz --seconds 0 --pages {asked.pages} --first {seed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
