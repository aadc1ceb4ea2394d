"""For all tests."""

from __future__ import annotations

import gc
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from pipelines.home import REPOSITORY
from tests import postgres, warm
from tests.shared import FOLDER_VARIABLE, shared_folder
from tests.warm.imported import without_pandas

if TYPE_CHECKING:
    from execnet import XSpec

without_pandas()
gc.set_threshold(100_000, 50, 50)  # each load makes and drops millions of small objects: a tenth of the time


@contextmanager
def _parsing_ahead() -> Iterator[None]:
    """Parse the dbt project from the start: the first files of several workers would all wait for it."""
    parse = "from tests.marts.project import main; main()"
    with subprocess.Popen([*warm.python("tests"), "-c", parse], cwd=REPOSITORY) as process:
        try:
            yield
        finally:
            process.terminate()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[XSpec]) -> None:
    """Workers begin with everything imported, too."""
    for spec in specs:
        spec.python = shlex.join(warm.python("tests"))


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of what a session makes once. Workers inherit its name."""
    # workers take all cores: a second thread costs CPU and gains nothing
    os.environ["CALLMART_DBT_THREADS"] = "1"
    if not hasattr(config, "workerinput"):
        shared = ExitStack()
        shared.enter_context(shared_folder())
        shared.enter_context(warm.servers(os.environ[FOLDER_VARIABLE]))
        if config.getoption("numprocesses", None):
            shared.enter_context(_parsing_ahead())
        config.add_cleanup(shared.close)
    warm.route_to_servers(os.environ[FOLDER_VARIABLE])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: begun last, one would keep a worker busy while the other has nothing left."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """A Postgres server for the session; skips where it is not installed."""
    postgres.skip_without_postgres()
    with postgres.running_server() as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: postgres.PostgresServer) -> Iterator[str]:
    """The name of a new, empty database of `postgres_server`."""
    with postgres_server.database() as name:
        yield name
