"""The simulated centre's home, and its pages."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from dashboard.app import create_app
from dashboard.reader import PublishedCopy
from pipelines.home import Home
from tests.marts.simulated import built_home


@pytest.fixture(scope="session")
def centre_home() -> Home:
    """A home with a warehouse, its marts, and their published copy. Not to be written to."""
    return built_home()


@pytest.fixture(scope="session")
def copy(centre_home: Home) -> Path:
    """The published copy. Not to be written to."""
    return centre_home.root / "published" / "callmart.duckdb"


@pytest.fixture
def own_home(centre_home: Home, tmp_path: Path) -> Home:
    """A separate home with the same warehouse and copy."""
    home = Home(tmp_path)
    for source in (centre_home.warehouse, centre_home.root / "published" / "callmart.duckdb"):
        target = tmp_path / source.relative_to(centre_home.root)
        target.parent.mkdir(parents=True)
        shutil.copy(source, target)
    return home


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The address of the app, served by a real server for the block."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def address(copy: Path) -> Iterator[str]:
    with served(create_app(PublishedCopy(copy))) as address:
        yield address


@pytest.fixture(scope="session")
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client
