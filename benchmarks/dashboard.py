"""How fast the dashboard is: `python -m benchmarks.dashboard [--calls N]`, on the demo's published copy.

`--calls` repeats the demo's weeks back in time until the copy holds about so many calls. Measured are page time in
Chromium (navigation to all charts drawn), the server's memory, and fifty readers at once while twenty publications happen.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from statistics import median, quantiles

import duckdb
import httpx
import psutil

from dashboard.pages import PAGES
from pipelines.home import REPOSITORY
from tests.dashboard.browser import browser, open_page, tab

COPY = REPOSITORY / "demo" / "published" / "callmart.duckdb"
READERS = 50
PUBLICATIONS = 20
LOADS_OF_EACH_PAGE = 10
WEEKS = 2
"""What the demo's copy holds."""


def repeat(copy: Path, calls: int) -> int:
    """Repeat the facts and marts of a copy back in time; how many calls it holds then."""
    with duckdb.connect(str(copy)) as marts:
        marts.execute("set TimeZone = 'UTC'")
        (here,) = marts.execute("select count(*) from marts.fct_calls").fetchone() or (0,)
        times = max(calls // here, 1)
        tables = marts.execute(
            "select table_name, list(column_name order by column_index), list(data_type order by column_index)"
            " from duckdb_columns() where schema_name = 'marts' group by all"
        ).fetchall()
        for table, columns, types in tables:
            shifted = [_shifted(*each) for each in zip(columns, types, strict=True)]
            if not table.startswith("dim_") and shifted != columns:
                marts.execute(
                    f"insert into marts.{table} select {', '.join(shifted)} from marts.{table}"
                    f" cross join range(1, {times}) as copies (copy) order by copy desc"
                )
        (now,) = marts.execute("select count(*) from marts.fct_calls").fetchone() or (0,)
    return now


def _shifted(column: str, kind: str) -> str:
    if column == "call_id":
        return "call_id + copy * 10000000"
    if column in ("local_date", "day_utc", "report_date"):
        return f"{column} - cast(copy * {WEEKS * 7} as integer)"
    is_row_s_own = not column.startswith(
        ("built_", "restated_", "checked_", "data_", "newest_", "published_")
    )
    shift = f"{column} - copy * interval '{WEEKS * 7} days'"
    return shift if kind.startswith("TIMESTAMP") and is_row_s_own else column


@contextmanager
def server(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The command in its own process: its address, and the process."""
    command = [
        str(Path(sys.executable).with_name("callmart")),
        "--project-dir",
        str(home),
        "dashboard",
        "--port",
        "0",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = "http://" + process.stdout.readline().split("http://")[1].split("/")[0]
    try:
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def page_times(address: str) -> list[float]:
    """Seconds from navigation until the charts are drawn, all pages in turn."""
    times = []
    with browser() as chromium, tab(chromium, "wide", "light") as page:
        for _ in range(LOADS_OF_EACH_PAGE):
            for each in PAGES:
                begun = time.perf_counter()
                open_page(page, address + each.path)
                times.append(time.perf_counter() - begun)
    return times


def readers_and_publications(address: str, copy: Path, original: Path) -> tuple[list[float], int]:
    """The seconds of each response, and the number of errors."""
    times: list[float] = []
    errors = 0
    done = threading.Event()

    def read(path: str) -> None:
        nonlocal errors
        with httpx.Client(base_url=address, timeout=120) as client:
            while not done.is_set():
                begun = time.perf_counter()
                answer = client.get(path)
                times.append(time.perf_counter() - begun)
                errors += answer.status_code != 200

    threads = [
        threading.Thread(target=read, args=(PAGES[place % len(PAGES)].path,)) for place in range(READERS)
    ]
    for thread in threads:
        thread.start()
    for _ in range(PUBLICATIONS):
        draft = copy.with_suffix(".part")
        copyfile(original, draft)
        draft.replace(copy)
        time.sleep(1)
    done.set()
    for thread in threads:
        thread.join()
    return times, errors


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--calls", type=int, help="default: those of the demo")
    calls = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder:
        original, copy = Path(folder) / "original.duckdb", Path(folder) / "published" / "callmart.duckdb"
        copyfile(COPY, original)
        if calls:
            print(f"{repeat(original, calls):,} calls, {original.stat().st_size / 1e6:.0f} MB")
        copy.parent.mkdir()
        copyfile(original, copy)
        with server(Path(folder)) as (address, process):
            before = sum(process.cpu_times()[:2])
            times = page_times(address)
            used = (sum(process.cpu_times()[:2]) - before) / len(times)
            print(
                f"pages: median {median(times):.2f} s, p95 {quantiles(times, n=20)[-1]:.2f} s ({len(times)} loads); "
                f"the server's CPU {used:.2f} s a page"
            )
            print(f"memory: {process.memory_info().rss / 1e6:.0f} MB")
            answers, errors = readers_and_publications(address, copy, original)
            print(
                f"{READERS} readers, {PUBLICATIONS} publications: {len(answers)} answers, {errors} errors, "
                f"median {median(answers):.2f} s, p95 {quantiles(answers, n=20)[-1]:.2f} s"
            )
            print(f"memory then: {process.memory_info().rss / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
