"""`python -m benchmarks.scale [--calls N …] [--folder FOLDER]`: what callmart costs as the warehouse grows.

For each size: a simulated week is loaded and copied (`raw_tables`), then callmart's commands run as a scheduler runs
them, each in its own process. With `--folder` warehouses and figures are kept: raw tables that are there are not written
again, and the table at the end has every size that was measured in the folder, so that sizes can be run one at a time.
`--keep` writes the table into benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform as machine
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from benchmarks.hand_written import LARGEST, hand_written
from benchmarks.queries import counting, time_dashboard, time_questions
from benchmarks.raw_tables import START, Written, change, copy_week, platform
from pipelines.home import Home
from pipelines.marts.build import NOT_BUILT
from pipelines.settings import Settings
from pipelines.warehouse.publish import published_copy
from simulator.platform import Platform
from tests.shared import CALLMART

SIZES = (100_000, 1_000_000, 10_000_000)
TARGETS = {
    "write raw tables, s": "60 for a million",
    "full rebuild, MB": "4,096",
    "increment of 1,000, s": "30, and 1.5 × the smallest's",
    "increment of 1,000, CPU s": "1.5 × the smallest's",
    "increment of 1,000, MB": "1.5 × the smallest's",
    "run, nothing new, s": "5",
    "publish, s": "10",
    "dashboard, p95 ms": "200",
    "questions, p95 ms": "200",
}
RESULTS = Path(__file__).with_name("RESULTS.md")
HEADING = "Scale (`make bench-scale`)"
_BUILD = ("dbt", "build", "--full-refresh", *NOT_BUILT, "--exclude-resource-type", "test", "--select")
_MEASURED = "measured.json"
_WRITTEN = "written.json"


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time and of CPU of a command with its children, and the largest one's peak memory in MB."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


class Warehouse:
    """A home with a warehouse of a size, and the commands that run in it."""

    def __init__(self, folder: Path, served: Platform, more: Mapping[str, str] | None = None) -> None:
        """`more` are variables with other settings."""
        self.folder = folder
        self.home = Home(folder)
        self.settings = Settings(self.home.warehouse)
        self._environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
            "SOURCES__CCAIP__BASE_URL": served.base_url,
            "SOURCES__CCAIP__USERNAME": "acme",
            "SOURCES__CCAIP__API_TOKEN": "a-token",
            "SOURCES__CCAIP__START_DATE": f"{START:%Y-%m-%d}",
            "SOURCES__CCAIP__REQUESTS_PER_SECOND": "1000",
            "PRIVACY__KEY": "a key for invented callers",
            **(more or {}),
        }

    def run(self, *arguments: str) -> Cost:
        """Run a command of callmart."""
        command = [*CALLMART, "--project-dir", str(self.folder), *arguments]
        with (self.folder / "output.txt").open("a") as output:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.cost", *command],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                check=False,
            )
        if done.returncode:
            raise SystemExit(f"callmart {' '.join(arguments)} failed: see {output.name}.")
        return Cost(**json.loads(done.stdout))

    def write(self, calls: int) -> Written:
        """Write the raw tables, unless they are there."""
        file = self.folder / _WRITTEN
        if file.exists():
            return Written(**json.loads(file.read_text()))
        self.folder.mkdir(parents=True)
        self.run("load")
        written = copy_week(self.home.warehouse, calls)
        file.write_text(json.dumps(asdict(written)))
        return written

    def nodes(self) -> dict[str, float]:
        """Seconds by node of the last build."""
        results = json.loads((self.home.dbt_target_dir / "run_results.json").read_text())["results"]
        return {each["unique_id"]: each["execution_time"] for each in results}


def measure(calls: int, folder: Path, nodes: int) -> dict[str, float]:
    """All figures of one size; progress is printed."""
    with platform() as served:
        warehouse = Warehouse(folder, served)
        written = warehouse.write(calls)
        figures: dict[str, float] = {
            "calls": written.calls,
            "write raw tables, s": written.seconds,
            "bytes a call": written.warehouse_bytes / written.calls,
            "bytes a call / Parquet": written.warehouse_bytes / written.parquet_bytes,
        }

        def note(what: str, cost: Cost, list_nodes: bool = False) -> Cost:
            figures.update(
                {f"{what}, s": cost.seconds, f"{what}, CPU s": cost.cpu_seconds, f"{what}, MB": cost.peak_mb}
            )
            print(f"{written.calls:>12,} calls  {what:24}{cost.seconds:8.1f} s{cost.cpu_seconds:8.1f} s CPU"
                  f"{cost.peak_mb:8.0f} MB", flush=True)  # fmt: skip
            for node, seconds in sorted(warehouse.nodes().items(), key=lambda each: -each[1])[
                : nodes * list_nodes
            ]:
                print(f"    {seconds:7.2f} s  {node.split('.')[0]} {node.split('.')[2]}", flush=True)
            return cost

        warehouse.run("dbt", "parse")  # so that no build below has to
        by_hand = hand_written(warehouse.home.warehouse, folder / "by_hand.duckdb")
        largest = note("five largest", warehouse.run(*_BUILD, *(f"+{name}" for name in LARGEST)))
        figures["five largest / by hand"] = largest.seconds / by_hand
        full = note("full rebuild", warehouse.run("transform", "--full-refresh"), list_nodes=True)
        for number in range(2):  # after a full rebuild one more build lets the data tests look at everything
            change(warehouse.home.warehouse, f"changed-{time.time_ns()}")
            if number == 0:
                note("first increment", warehouse.run("transform"))
        increment = note("increment of 1,000", warehouse.run("transform"), list_nodes=True)
        figures["increment / full rebuild"] = increment.seconds / full.seconds
        note("run, first", warehouse.run("run"))
        note("run, nothing new", warehouse.run("run"))
        note("publish", warehouse.run("publish"))
        note("status", warehouse.run("status", "--json"))
        figures["reconcile's counts, s"] = counting(warehouse.settings)
        copy = published_copy(warehouse.home, warehouse.settings)
        figures["copy, bytes a call"] = copy.stat().st_size / written.calls
        for what, timing in (("dashboard", time_dashboard(copy)), ("questions", time_questions(copy))):
            figures |= {f"{what}, p50 ms": timing.p50_ms, f"{what}, p95 ms": timing.p95_ms}
            print(f"    {what}: slowest {timing.slowest}", flush=True)
    (folder / _MEASURED).write_text(json.dumps(figures))
    return figures


def table(columns: Sequence[Mapping[str, float]]) -> str:
    """The figures of several sizes side by side, smallest first, as a Markdown table, and how the largest compares."""
    columns = sorted(columns, key=lambda each: each["calls"])
    first, last = columns[0], columns[-1]
    lines = [
        "| what | target | "
        + " | ".join(f"{each['calls']:,.0f} calls" for each in columns)
        + " | largest / smallest |",
        "|---" * (len(columns) + 3) + "|",
    ]
    for what in last:
        if what != "calls":
            values = [f"{each[what]:,.2f}" if what in each else "" for each in columns]
            growth = f"{last[what] / first[what]:.2f}" if first.get(what) else ""
            lines.append(f"| {what} | {TARGETS.get(what, '')} | " + " | ".join(values) + f" | {growth} |")
    return "\n".join(lines)


def keep(text: str) -> None:
    """Replace the section on scale in RESULTS.md, or add it."""
    sections = RESULTS.read_text(encoding="utf-8").rstrip().split("\n\n## ")
    others = [each for each in sections if not each.startswith(HEADING)]
    RESULTS.write_text("\n\n## ".join([*others, f"{HEADING}\n\n{text}\n"]), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=list(SIZES), help="default: %(default)s")
    parser.add_argument("--folder", type=Path, help="where to keep the warehouses; default: nowhere")
    parser.add_argument("--nodes", type=int, default=0, help="how many of dbt's slowest nodes to list")
    parser.add_argument("--keep", action="store_true", help=f"write the table into {RESULTS.name}")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        for calls in options.calls:
            measure(calls, folder / str(calls), options.nodes)
        columns = [json.loads(file.read_text()) for file in folder.glob(f"*/{_MEASURED}")]
    text = (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {machine.machine()}, {os.cpu_count()} cores,"
        f" {psutil.virtual_memory().total / 2**30:.0f} GB, load {os.getloadavg()[2]:.0f} at the end.\n\n{table(columns)}"
    )
    print(f"\n{text}")
    if options.keep:
        keep(text)


if __name__ == "__main__":
    main()
