"""`make test-superset`: the bundle in a real Superset, which is installed for this in an environment of its own.

Superset wants SQLAlchemy 1.4, so it cannot share callmart's environment. The trial imports the bundle, opens the dashboard in
Chromium, compares three of its numbers with the marts, and leaves a screenshot: build/superset/dashboard.png. It needs the demo
(`make demo`), chromium, and a package index; the first time takes about five minutes, most of them Superset's migrations.
"""

from __future__ import annotations

import json
import os
import secrets
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
from playwright.sync_api import Page, sync_playwright

from bi.superset.__main__ import main as write_bundle
from pipelines.home import REPOSITORY
from tests.dashboard.browser import CHROMIUM, MISSING

FOLDER = REPOSITORY / "build" / "superset"
COPY = REPOSITORY / "demo" / "published" / "callmart.duckdb"
PACKAGES = ("apache-superset==6.1.0", "duckdb-engine==0.17.0", "rich", "cachetools")
NEWEST = "2026-06-05"
"""Packages that are newer do not all work with this Superset."""
STARTS_WITHIN_SECONDS = 300
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


def open_dashboard(page: Page, address: str, password: str) -> None:
    """Sign in, open the dashboard, and wait for its charts."""
    page.set_default_timeout(180_000)
    signed_in = page.request.post(f"{address}/login/", form={"username": "admin", "password": password})
    assert signed_in.ok, signed_in.status
    page.goto(f"{address}/superset/dashboard/callmart/?show_filters=1")
    page.wait_for_selector(".dashboard-component-chart-holder")
    page.wait_for_function(
        "document.querySelectorAll('.header-line').length >= 6"
        " && !document.querySelector('[data-test=loading-indicator]')"
    )
    page.wait_for_timeout(3_000)  # charts move into place


def main() -> int:
    """0 when every chart was drawn and the three numbers are the marts'."""
    if not CHROMIUM or not COPY.exists():
        sys.stderr.write(f"{MISSING if not CHROMIUM else f'There is no {COPY}: run `make demo` first.'}\n")
        return 1
    begun = time.monotonic()
    FOLDER.mkdir(parents=True, exist_ok=True)
    superset = install(FOLDER) / "superset"
    installed = time.monotonic()
    (FOLDER / "superset.db").unlink(missing_ok=True)
    config = FOLDER / "superset_config.py"
    config.write_text(CONFIG.format(secret=secrets.token_hex(), folder=FOLDER))
    env = os.environ | {
        "SUPERSET_CONFIG_PATH": str(config),
        "SUPERSET_HOME": str(FOLDER),
        "FLASK_APP": "superset.app:create_app()",
    }
    password, bundle = secrets.token_hex(), FOLDER / "callmart.zip"
    write_bundle(["--marts", str(COPY), "--output", str(bundle)])
    run(superset, "db", "upgrade", env=env)
    run(
        *(superset, "fab", "create-admin", "--username", "admin", "--password", password),
        *("--firstname", "a", "--lastname", "trial", "--email", "trial@example.invalid"),
        env=env,
    )
    run(superset, "init", env=env)
    run(superset, "import-dashboards", "--path", bundle, "--username", "admin", env=env)
    with served(superset, env) as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1600, "height": 2200})
        open_dashboard(page, address, password)
        page.screenshot(path=FOLDER / "dashboard.png", full_page=True)
        errors = page.locator(".ant-alert-error").all_inner_texts()
        shown = {name: number(page, name) for name in NUMBERS}
        chromium.close()
    with duckdb.connect(str(COPY), read_only=True) as marts:
        expected = {name: marts.execute(query).fetchall()[0][0] for name, query in NUMBERS.items()}
    seconds = {"install": round(installed - begun), "trial": round(time.monotonic() - installed)}
    found = {"shown": shown, "expected": expected, "errors": errors, "seconds": seconds}
    sys.stdout.write(f"{json.dumps(found, indent=2)}\nScreenshot: {FOLDER / 'dashboard.png'}\n")
    return 0 if shown == expected and not errors else 1


def number(page: Page, name: str) -> str:
    """What a chart of one number shows."""
    holder = page.locator(".dashboard-component-chart-holder", has=page.get_by_text(name, exact=True))
    return holder.locator(".header-line").first.inner_text().strip()


if __name__ == "__main__":
    sys.exit(main())
