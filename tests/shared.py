"""Helpers for all tests: the command, and what is built once per session for all workers."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

FOLDER_VARIABLE = "CALLMART_TESTS_SHARED"
PROFILE_VARIABLE = "CALLMART_TESTS_PROFILE"
"""The active Hypothesis profile of `tests/conftest.py`: `test` or `fuzz`."""

CALLMART = (str(Path(sys.executable).with_name("callmart")),)
"""The installed command, to be followed by arguments."""


def examples(count: int) -> int:
    """The number of examples of a property: `count` in `make test`, ten times as many in `make fuzz`."""
    return 10 * count if os.environ.get(PROFILE_VARIABLE) == "fuzz" else count


@contextmanager
def shared_folder() -> Iterator[None]:
    """A folder for `made_once`, for this process and its children."""
    with tempfile.TemporaryDirectory(prefix="callmart-tests-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER_VARIABLE]


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` has filled, in this process or another. Copy from it, do not change it."""
    folder = Path(os.environ[FOLDER_VARIABLE]) / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            draft = folder.with_name(f"{name}.draft")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            make(draft)
            draft.rename(folder)
    return folder
