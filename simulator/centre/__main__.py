"""Simulate a centre and print what happened, and how long it took.

python -m simulator.centre --days 14 --calls-per-day 2900 --seed 7
python -m simulator.centre --calls 100000
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from simulator.centre.centre import Centre
from simulator.centre.truth import Truth

_DEFAULT_START = datetime(2026, 3, 2, 5, tzinfo=UTC)


def main() -> None:
    """Parse the options, simulate, print."""
    parser = argparse.ArgumentParser(prog="python -m simulator.centre", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--start", type=datetime.fromisoformat, default=_DEFAULT_START, help="with zone")
    parser.add_argument("--days", type=float, default=14.0)
    parser.add_argument("--calls-per-day", type=int, default=2900)
    parser.add_argument("--calls", type=int, help="approximate number of calls, which sets the days")
    parser.add_argument("--time-zone", default="America/New_York")
    parser.add_argument("--bodies", type=int, default=2000, help="number of bodies to render and count")
    parser.add_argument("--truth", type=Path, help="write the truth here, as JSON lines")
    options = parser.parse_args()
    days = options.calls / options.calls_per_day if options.calls else options.days
    began = perf_counter()
    centre = Centre.simulate(
        options.seed, options.start, days, options.calls_per_day, time_zone=options.time_zone
    )
    seconds = perf_counter() - began
    _print(f"{len(centre):,} calls in {seconds:.1f} s, {len(centre) / seconds:,.0f} a second")
    _print_versions(centre)
    _print_bodies(centre, options.bodies)
    truth = centre.truth(centre.last_change)
    _print_truth(truth)
    if options.truth:
        truth.write(options.truth)


def _print_versions(centre: Centre) -> None:
    began = perf_counter()
    count = len(centre.versions(centre.end))
    later = perf_counter()
    centre.versions(centre.last_change)
    _print(
        f"versions at the end: {count:,} in {(later - began) * 1000:.0f} ms; "
        f"moved on to the last change in {(perf_counter() - later) * 1000:.0f} ms"
    )


def _print_bodies(centre: Centre, count: int) -> None:
    ids = centre.call_ids()[:: max(1, len(centre) // count)]
    began = perf_counter()
    bodies = [centre.body(call_id, centre.last_change) for call_id in ids]
    each = (perf_counter() - began) / len(bodies) * 1_000_000
    sizes = sorted(len(json.dumps(b, separators=(",", ":"))) for b in bodies if b["handle_durations"])
    median = sizes[len(sizes) // 2] if sizes else 0
    _print(f"bodies: {each:.0f} µs each; a handled call has {median:,} bytes (median)")
    arrays = Counter(
        key for body in bodies for key, value in body.items() if isinstance(value, list) and value
    )
    _print_counts(f"arrays with elements, of {len(bodies):,} bodies", arrays)


def _print_truth(truth: Truth) -> None:
    _print_counts("types", Counter(call.call_type for call in truth.calls))
    _print_counts("statuses", Counter(call.status for call in truth.calls))
    _print_counts("fail reasons", Counter(call.fail_reason for call in truth.calls))
    _print_counts("waits", Counter(segment.outcome for segment in truth.queue_segments))
    _print_counts("transfers", Counter(transfer.outcome for transfer in truth.transfers))
    for queue in Centre.queues:
        waits = [s for s in truth.queue_segments if s.queue_id == queue.queue_id]
        answered = [s for s in waits if s.outcome == "answered"]
        in_time = sum(s.wait_seconds <= s.target_seconds for s in answered)
        abandoned = sum(s.outcome == "abandoned" for s in waits)
        base = max(1, len(answered) + abandoned)
        _print(
            f"  {queue.path:34} waits {len(waits):6,}  answered {len(answered):6,}  "
            f"in target {in_time / base:4.0%} of {queue.target.percent}%  abandoned {abandoned / base:4.0%}"
        )


def _print_counts(title: str, counts: Counter[str]) -> None:
    _print(f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in counts.most_common()))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
