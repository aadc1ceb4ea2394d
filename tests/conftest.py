"""For all tests."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile

import pytest

from tests.shared import FOLDER_VARIABLE

gc.set_threshold(100_000, 50, 50)  # each load makes and drops millions of small objects: a tenth of the time


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of what a session makes once. Workers inherit its name."""
    os.environ["CALLMART_DBT_THREADS"] = "1"  # a worker a core: a second thread costs CPU and gains nothing
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="callmart-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(FOLDER_VARIABLE))
