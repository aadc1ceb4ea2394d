"""`make test-superset`: the bundle in a real Superset, which is installed for this in an environment of its own.

Superset wants SQLAlchemy 1.4, so it cannot share callmart's environment. The trial imports the bundle, opens the dashboard in
Chromium, compares three of its numbers with the marts, chooses a queue in the filter bar, compares two numbers again, and leaves
screenshots: build/superset/dashboard.png and filtered.png. It needs the demo (`make demo`), chromium, and a package index. The
first time takes about five minutes, most of them Superset's migrations; the migrated database is kept.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from playwright.sync_api import Locator, Page, expect, sync_playwright

from bi.superset.__main__ import main as write_bundle
from pipelines.home import REPOSITORY
from tests.dashboard.browser import CHROMIUM, MISSING

FOLDER = REPOSITORY / "build" / "superset"
COPY = REPOSITORY / "demo" / "published" / "callmart.duckdb"
PACKAGES = ("apache-superset==6.1.0", "duckdb-engine==0.17.0", "rich", "cachetools")
NEWEST = "2026-06-05"
"""Packages that are newer do not all work with this Superset."""
STARTS_WITHIN_SECONDS = 300
PATIENCE_MS = 180_000
"""For Superset, which is slow on a busy machine."""
CONFIG = """
SECRET_KEY = "{secret}"
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"
TALISMAN_ENABLED = False  # on loopback, without TLS
WTF_CSRF_ENABLED = False
"""
NUMBERS = {
    "Service level": (
        "select printf('%.1f%%', 100.0 * sum(service_level_numerator) / sum(service_level_denominator))"
        " from marts.mart_queue_days"
    ),
    "Abandonment": (
        "select printf('%.1f%%', 100.0 * sum(abandoned - short_abandoned) / sum(offered - short_abandoned))"
        " from marts.mart_queue_days"
    ),
    "Handle time": (
        "select printf('%.0f', sum(handle_seconds) / sum(handled_segments)) from marts.mart_agent_handle_time"
        " where direction = 'inbound'"
    ),
}
"""Charts of one number, and the SQL that says what each must show. Handle time is asked of another mart than the chart's."""
LARGEST_QUEUE = (
    "select queue_name from marts.mart_queue_days group by all order by sum(offered) desc, 1 limit 1"
)
FILTERED = ("Service level", "Abandonment")
"""Charts that are compared again for one queue."""


def install(folder: Path) -> Path:
    """Superset's environment, made once; its folder of commands."""
    environment = folder / "venv"
    commands = environment / "bin"
    if not (commands / "superset").exists():
        venv.create(environment, with_pip=True)
        run(commands / "python", "-m", "pip", "install", "--quiet", "uv")
        run(
            *(commands / "uv", "pip", "install", "--quiet", "--python", commands / "python"),
            *("--exclude-newer", NEWEST, *PACKAGES),
        )
    return commands


def run(*command: object, env: dict[str, str] | None = None) -> None:
    subprocess.run([str(word) for word in command], check=True, env=env)


@contextmanager
def served(superset: Path, env: dict[str, str]) -> Iterator[str]:
    """Superset's own server for the block: its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with (FOLDER / "server.log").open("w") as log:
        process = subprocess.Popen(
            [superset, "run", "-p", str(port), "--with-threads"], env=env, stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + STARTS_WITHIN_SECONDS
        while not is_up(address):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"Superset did not start: {FOLDER / 'server.log'}")
            time.sleep(1)
        yield address
    finally:
        process.terminate()
        process.wait()


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False


def migrate(superset: Path, folder: Path, env: dict[str, str]) -> None:
    """An empty database of Superset's own, which is made once and copied for each trial."""
    migrated, own = folder / "migrated.db", folder / "superset.db"
    own.unlink(missing_ok=True)
    if not migrated.exists():
        run(superset, "db", "upgrade", env=env)
        own.replace(migrated)
    shutil.copyfile(migrated, own)


def open_dashboard(page: Page, address: str, password: str) -> None:
    """Sign in, open the dashboard, and wait for its charts."""
    page.set_default_timeout(PATIENCE_MS)
    signed_in = page.request.post(f"{address}/login/", form={"username": "admin", "password": password})
    assert signed_in.ok, signed_in.status
    page.goto(f"{address}/superset/dashboard/callmart/?show_filters=1")
    page.wait_for_selector(".dashboard-component-chart-holder")
    wait_for_charts(page)


def wait_for_charts(page: Page) -> None:
    page.wait_for_function(
        "document.querySelectorAll('.header-line').length >= 6"
        " && !document.querySelector('[data-test=loading-indicator]')"
    )
    page.wait_for_timeout(3_000)  # charts move into place


def choose_queue(page: Page, queue: str) -> None:
    """Choose a queue in the filter bar as a reader does, and wait until the numbers are of it."""
    before = number(page, FILTERED[0])
    item = page.locator("[data-test=filter-bar] .ant-form-item", has=page.get_by_text("Queue", exact=True))
    item.get_by_role("combobox").click()
    page.locator(".ant-select-item-option", has_text=queue).first.click()
    page.keyboard.press("Escape")
    page.locator("[data-test=filter-bar__apply-button]").click()
    expect(number_of(page, FILTERED[0])).not_to_have_text(before, timeout=PATIENCE_MS)
    wait_for_charts(page)


def main() -> int:
    """0 when every chart was drawn, and the numbers are the marts': of all queues, and of the chosen one."""
    if not CHROMIUM or not COPY.exists():
        sys.stderr.write(f"{MISSING if not CHROMIUM else f'There is no {COPY}: run `make demo` first.'}\n")
        return 1
    begun = time.monotonic()
    FOLDER.mkdir(parents=True, exist_ok=True)
    superset = install(FOLDER) / "superset"
    installed = time.monotonic()
    config = FOLDER / "superset_config.py"
    config.write_text(CONFIG.format(secret=secrets.token_hex(), folder=FOLDER))
    env = os.environ | {
        "SUPERSET_CONFIG_PATH": str(config),
        "SUPERSET_HOME": str(FOLDER),
        "FLASK_APP": "superset.app:create_app()",
    }
    password, bundle = secrets.token_hex(), FOLDER / "callmart.zip"
    write_bundle(["--marts", str(COPY), "--output", str(bundle)])
    migrate(superset, FOLDER, env)
    run(
        *(superset, "fab", "create-admin", "--username", "admin", "--password", password),
        *("--firstname", "a", "--lastname", "trial", "--email", "trial@example.invalid"),
        env=env,
    )
    run(superset, "init", env=env)
    run(superset, "import-dashboards", "--path", bundle, "--username", "admin", env=env)
    with duckdb.connect(str(COPY), read_only=True) as marts:
        queue = str(answer(marts, LARGEST_QUEUE))
        expected = {name: answer(marts, query) for name, query in NUMBERS.items()}
        of_queue = {name: answer(marts, f"{NUMBERS[name]} where queue_name = ?", queue) for name in FILTERED}
    with served(superset, env) as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1600, "height": 2200})
        open_dashboard(page, address, password)
        page.screenshot(path=FOLDER / "dashboard.png", full_page=True)
        errors = page.locator(".ant-alert-error").all_inner_texts()
        shown = {name: number(page, name) for name in NUMBERS}
        choose_queue(page, queue)
        page.screenshot(path=FOLDER / "filtered.png", full_page=True)
        errors += page.locator(".ant-alert-error").all_inner_texts()
        shown_of_queue = {name: number(page, name) for name in FILTERED}
        chromium.close()
    seconds = {"install": round(installed - begun), "trial": round(time.monotonic() - installed)}
    found = {
        "all queues": {"shown": shown, "expected": expected},
        queue: {"shown": shown_of_queue, "expected": of_queue},
        "errors": errors,
        "seconds": seconds,
    }
    sys.stdout.write(f"{json.dumps(found, indent=2)}\nScreenshots: {FOLDER}\n")
    return 0 if shown == expected and shown_of_queue == of_queue and not errors else 1


def answer(marts: duckdb.DuckDBPyConnection, query: str, *parameters: str) -> object:
    """The one value that a query gives."""
    return marts.execute(query, list(parameters)).fetchall()[0][0]


def number_of(page: Page, name: str) -> Locator:
    """Where a chart of one number shows it."""
    holder = page.locator(".dashboard-component-chart-holder", has=page.get_by_text(name, exact=True))
    return holder.locator(".header-line").first


def number(page: Page, name: str) -> str:
    return number_of(page, name).inner_text().strip()


if __name__ == "__main__":
    sys.exit(main())
