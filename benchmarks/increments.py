"""`python -m benchmarks.increments [--calls N …]`: the cost of a full build and of an increment of 1,000 calls as the warehouse grows.

The raw rows are a simulated week, copied back in time with SQL: 5,000 calls a week. The thousand calls of the increment
are those of the newest two days, and one call in twenty from days long ago. `--nodes` lists the slowest nodes of dbt.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from pipelines.ccaip.tables import TABLES
from pipelines.home import Home
from pipelines.marts.dbt_runner import PROJECT_DIR, dbt_environment, dbt_variables, started
from pipelines.settings import Settings
from simulator.centre import Centre
from tests.marts import dbt_raw

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 7
CALLS_PER_DAY = 715
CHANGED = 1_000
_IDS = ("call_id", "parent_id")


@dataclass(frozen=True)
class Cost:
    """The cost of a build: seconds of wall time and CPU, peak memory in MB, and seconds by node."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    nodes: dict[str, float]


def write_raw(database: Path, calls: int) -> int:
    """Write a raw database of about `calls` calls, and return their number."""
    end = MONDAY + timedelta(days=DAYS)
    centre = Centre.simulate(1, MONDAY, days=DAYS, calls_per_day=CALLS_PER_DAY)
    bodies = [
        centre.body(each, end) for each in sorted({version.call_id for version in centre.versions(end)})
    ]
    dbt_raw.create_raw(database)
    dbt_raw.land(database, "load-0", bodies)
    copies = max(calls // len(bodies), 1)
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name in TABLES:
            columns = connection.execute(
                "select column_name, data_type from information_schema.columns"
                " where table_schema = 'ccaip' and table_name = ? order by ordinal_position",
                [name],
            ).fetchall()
            shifted = ", ".join(_shifted(name, column, kind) for column, kind in columns)
            connection.execute(
                f"insert into ccaip.{name} select {shifted} from ccaip.{name} cross join range(1, {copies}) as copies (copy)"
            )
        connection.execute(
            "insert into ccaip._dlt_loads select 'load-' || copy, 'ccaip', 0, '2026-03-10'::timestamptz, ''"
            f" from range(1, {copies}) as copies (copy)"
        )
        connection.execute(
            "insert into ccaip.load_windows (window_id, attempt, why, window_from, window_until, started_at, finished_at,"
            " verdict) values ('all', 1, 'tail', '2000-01-01', $1, $1, $1, 'complete')",
            [end],
        )
    return copies * len(bodies)


def _shifted(table: str, column: str, kind: str) -> str:
    if column in _IDS or (table == "calls" and column == "id"):
        return f'"{column}" + copy * 10000000'
    if column == "end_user__id":
        return f"{column} || '-' || copy"
    if column == "_dlt_load_id":
        return "'load-' || copy"
    return f"\"{column}\" - copy * interval '{DAYS} days'" if kind.startswith("TIMESTAMP") else f'"{column}"'


def change(database: Path, load_id: str) -> None:
    """Change 1,000 calls in one load: the same rows, answered a second later."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("create or replace temp table changed as select id from ("
                           f" (from ccaip.calls order by created_at desc limit {CHANGED * 19 // 20}) union all"
                           f" (from ccaip.calls order by hash(id) limit {CHANGED // 20}))")  # fmt: skip
        for name in TABLES:
            key = "call_id" if TABLES[name].parent else "id"
            connection.execute(
                f"update ccaip.{name} set _dlt_load_id = ? where {key} in (from changed)", [load_id]
            )
        connection.execute(
            "update ccaip.queue_durations set queue_duration = queue_duration + 1 where call_id in (from changed)"
        )
        connection.execute(
            "insert into ccaip._dlt_loads values (?, 'ccaip', 0, '2026-03-11'::timestamptz, '')", [load_id]
        )


def build(home: Home, *options: str) -> Cost:
    """`dbt build` with its data tests in its own process."""
    words = [
        *("--quiet", "--log-level-file", "none", "--partial-parse", "build"),
        *("--exclude-resource-type", "unit_test", "--exclude-resource-type", "saved_query"),
        *("--exclude-resource-type", "exposure"),
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(home.dbt_target_dir), "--log-path", str(home.dbt_log_dir)),
        *("--vars", json.dumps(dbt_variables()), *options),
    ]
    home.dbt_target_dir.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    environment = dbt_environment(Settings(home.warehouse), home.dbt_target_dir)
    with started("dbt", words, home.dbt_target_dir, environment) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    results = json.loads((home.dbt_target_dir / "run_results.json").read_text())["results"]
    return Cost(
        time.monotonic() - begun,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        {each["unique_id"]: each["execution_time"] for each in results},
    )


def measure(calls: int, folder: Path) -> list[tuple[str, Cost]]:
    """The builds of one warehouse, in order."""
    home = Home(folder)
    home.warehouse.parent.mkdir(parents=True)
    written = write_raw(home.warehouse, calls)
    build(home, "--resource-type", "seed")  # parses the project
    costs = [(f"{written:,} calls: full build", build(home))]
    change(home.warehouse, "load-x")
    costs.append((f"{written:,} calls: increment", build(home)))
    costs.append((f"{written:,} calls: nothing new", build(home)))
    return costs


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.increments", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--nodes", type=int, default=0, help="number of slowest nodes to list")
    parser.add_argument("--folder", type=Path, help="where to keep the warehouses; default: a temporary one")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        for calls in options.calls:
            for what, cost in measure(calls, (options.folder or Path(name)) / str(calls)):
                print(
                    f"{what:36}{cost.seconds:8.1f} s{cost.cpu_seconds:8.1f} s CPU{cost.peak_mb:8.0f} MB",
                    flush=True,
                )
                for node, seconds in sorted(cost.nodes.items(), key=lambda each: -each[1])[: options.nodes]:
                    print(f"    {seconds:7.2f} s  {node.split('.')[0]} {node.split('.')[2]}", flush=True)


if __name__ == "__main__":
    main()
