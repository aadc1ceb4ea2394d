"""Helpers for all tests: the command, and what a session builds once for all its workers."""

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
"""Which of the profiles of Hypothesis in `tests/conftest.py` holds: `test` or `fuzz`."""

CALLMART = (str(Path(sys.executable).with_name("callmart")),)
"""The installed command, to be followed by arguments."""


def examples(count: int) -> int:
    """How many examples of a property are drawn: `count` in `make test`, ten times as many in `make fuzz`."""
    return 10 * count if os.environ.get(PROFILE_VARIABLE) == "fuzz" else count


@contextmanager
def shared_folder() -> Iterator[None]:
    """A folder for what is made once, for this process and those it starts."""
    with tempfile.TemporaryDirectory(prefix="callmart-tests-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER_VARIABLE]


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` has filled, in this process or in another. To be copied from, not to be used."""
    folder = Path(os.environ[FOLDER_VARIABLE]) / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            draft = folder.with_name(f"{name}.draft")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            make(draft)
            draft.rename(folder)
    return folder
