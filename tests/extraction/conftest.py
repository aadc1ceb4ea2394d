"""A home, a platform with hand-written calls, and settings to load from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipelines.home import Home
from pipelines.settings import Settings
from simulator.calls import CallSource
from simulator.platform import Platform
from tests.empty import with_warehouse
from tests.extraction.living import START
from tests.tenant import TOKEN, USER, tenant
from tests.tenant import settings_for as tenant_settings

__all__ = ["TOKEN", "USER", "settings_for"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with an empty warehouse."""
    return with_warehouse(Home(tmp_path / "home"))


@pytest.fixture
def new_home(tmp_path: Path) -> Home:
    """A home before its first load, without a warehouse."""
    home = Home(tmp_path / "new home")
    home.activate()
    return home


@pytest.fixture
def serve() -> Iterator[Callable[[CallSource], Platform]]:
    """Start a platform over a source, its clock frozen at START, without a rate limit."""
    with ExitStack() as stack:

        def start(source: CallSource) -> Platform:
            return stack.enter_context(tenant(source, START))

        yield start


def settings_for(platform: Platform, home: Home) -> Settings:
    """Settings for `platform` without a rate limit, with everything kept so that it can be compared."""
    return tenant_settings(platform, home, START.replace(hour=0))
