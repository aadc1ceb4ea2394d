"""How fast the dashboard is: `python -m benchmarks.dashboard`, on the demo's published copy.

Page time in Chromium (navigation to all charts drawn), the server's memory, and fifty readers at once while twenty
publications happen.
"""

from __future__ import annotations

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

import httpx
import psutil

from dashboard.pages import PAGES
from pipelines.home import REPOSITORY
from tests.dashboard.browser import browser, open_page, tab

COPY = REPOSITORY / "demo" / "published" / "callmart.duckdb"
READERS = 50
PUBLICATIONS = 20
LOADS_OF_EACH_PAGE = 10


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


def readers_and_publications(address: str, copy: Path) -> tuple[list[float], int]:
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
        copyfile(COPY, draft)
        draft.replace(copy)
        time.sleep(1)
    done.set()
    for thread in threads:
        thread.join()
    return times, errors


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "published" / "callmart.duckdb"
        copy.parent.mkdir()
        copyfile(COPY, copy)
        with server(Path(folder)) as (address, process):
            times = page_times(address)
            print(
                f"pages: median {median(times):.2f} s, p95 {quantiles(times, n=20)[-1]:.2f} s ({len(times)} loads)"
            )
            print(f"memory: {process.memory_info().rss / 1e6:.0f} MB")
            answers, errors = readers_and_publications(address, copy)
            print(
                f"{READERS} readers, {PUBLICATIONS} publications: {len(answers)} answers, {errors} errors, "
                f"median {median(answers):.2f} s, p95 {quantiles(answers, n=20)[-1]:.2f} s"
            )
            print(f"memory then: {process.memory_info().rss / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
