"""One parsed project for all tests here."""

from __future__ import annotations

import pytest

from tests.oracle.building import Builder


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """Builds warehouses of given calls."""
    return Builder(tmp_path_factory.mktemp("oracle"))
