"""`python -m benchmarks [--calls N] [--rounds N]`: several ways to load calls, in turn, and their ratios.
`python -m benchmarks --reading 100000`: a first load's requests and time, at ten requests a second.

Absolute figures depend on the machine. The ratios are stable even if its speed changes, because the ways take turns
within each round. Medians over the rounds are shown.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.landing import WAYS
from benchmarks.pages import write_pages
from benchmarks.reading import print_reading


def measure(way: str, pages: Path) -> dict[str, float]:
    """One run of one way, in its own process and folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.landing", way, str(pages), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Load calls in several ways and print figures."
    )
    parser.add_argument(
        "--calls", type=int, default=20_000, help="calls in a run, in hundreds (default: 20,000)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often each way takes its turn (default: 3)"
    )
    parser.add_argument(
        "--reading", type=int, metavar="N", help="read N calls from a platform with 300 ms latency instead"
    )
    options = parser.parse_args()
    if options.reading:
        print_reading(options.reading)
        return
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder) / "pages"
        size = write_pages(pages, options.calls)
        print(
            f"{options.calls:,} calls, {size / options.calls / 1000:.1f} kB each, {options.rounds} rounds; medians\n"
        )
        rounds = [{way: measure(way, pages) for way in WAYS} for _ in range(options.rounds)]
    print(f"{'':14}{'calls/s':>10}{'CPU µs/call':>13}{'peak MB':>9}{'imports s':>11}{'× callmart':>12}")
    for way in WAYS:
        median = {name: statistics.median(one[way][name] for one in rounds) for name in rounds[0][way]}
        ratio = statistics.median(
            one[way]["calls_a_second"] / one["callmart"]["calls_a_second"] for one in rounds
        )
        print(
            f"{way:14}{median['calls_a_second']:>10,.0f}{median['cpu_us_a_call']:>13,.0f}"
            f"{median['peak_mb']:>9,.0f}{median['import_seconds']:>11.2f}{ratio:>12.2f}"
        )
    print("\nThe default privacy policy compared with `keep`, medians of the pairs:", end="")
    for name, what in (("calls_a_second", "calls a second"), ("cpu_us_a_call", "CPU a call")):
        change = statistics.median(one["callmart"][name] / one["callmart_keep"][name] - 1 for one in rounds)
        print(f" {change:+.1%} {what}", end=";" if name == "calls_a_second" else ".\n")


if __name__ == "__main__":
    main()
