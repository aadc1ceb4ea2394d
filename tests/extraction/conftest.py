"""A home, a platform with calls written by hand, and settings that lead from one to the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipelines.ccaip.privacy import KEEP_ALL
from pipelines.home import Home
from pipelines.settings import Settings
from simulator.calls import CallSource
from simulator.platform import Clock, Credentials, Platform
from tests.extraction.living import START

USER, TOKEN = "acme", "a-token"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.activate()
    return home


@pytest.fixture
def serve() -> Iterator[Callable[[CallSource], Platform]]:
    """Start a platform over a source, its clock frozen at START, without a rate limit."""
    with ExitStack() as stack:

        def start(source: CallSource) -> Platform:
            return stack.enter_context(
                Platform(
                    source,
                    clock=Clock.frozen(START),
                    credentials=Credentials(USER, TOKEN),
                    requests_per_second=0,
                )
            )

        yield start


def settings_for(platform: Platform, home: Home) -> Settings:
    """Settings that point at `platform`, ask as fast as it answers and keep what it says, to be compared."""
    return Settings(
        warehouse=home.warehouse,
        base_url=platform.base_url,
        username=USER,
        api_token=TOKEN,
        start_date=START.replace(hour=0),
        requests_per_second=100_000,
        privacy=KEEP_ALL,
    )
