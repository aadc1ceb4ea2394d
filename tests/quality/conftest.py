"""The same home and platform as the tests of loading."""

from __future__ import annotations

import pytest

from pipelines.ccaip.parse import Exploder
from tests.extraction.conftest import home, serve

__all__ = ["home", "serve"]


@pytest.fixture(scope="session")
def exploder():
    with_memory = Exploder()
    yield with_memory
    with_memory.close()
