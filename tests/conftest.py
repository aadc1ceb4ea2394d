"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import postgres
from tests.shared import FOLDER_VARIABLE, PROFILE_VARIABLE, examples

# workers use all cores, so a second thread of dbt only costs CPU
os.environ["CALLMART_DBT_THREADS"] = "1"


# `make fuzz` runs many more examples of every property than `make test`, and different ones each time.
settings.register_profile("test", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=examples(100))
settings.load_profile(os.environ.get(PROFILE_VARIABLE, "test"))


@pytest.fixture(scope="session", autouse=True)
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The folder of `tests.shared.made_once`, shared by all workers of a session."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(FOLDER_VARIABLE, str(folder))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: started last, one would keep a worker busy while the others are idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """A Postgres server for the session. Skips if it is not installed."""
    postgres.skip_without_postgres()
    with postgres.running_server() as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: postgres.PostgresServer) -> Iterator[str]:
    """The name of a new, empty database of `postgres_server`."""
    with postgres_server.database() as name:
        yield name
