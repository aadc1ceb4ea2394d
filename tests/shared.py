"""What is made once for all tests of a session, whichever worker needs it first."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from filelock import FileLock

from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.transform import PARSED, transform

FOLDER_VARIABLE = "CALLMART_TESTS_SHARED"


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


def parsed(home: Home, time_zone: str = "UTC") -> Home:
    """Give a new home what dbt makes of our project before it builds: a quarter of a minute of CPU.

    dbt judges by itself whether it can use it, and parses again where settings or files differ.
    """
    home.dbt_target_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(Home(parse_of(time_zone)).dbt_target_dir / PARSED, home.dbt_target_dir)
    return home


def parse_of(time_zone: str = "UTC") -> Path:
    """The root of a home in which dbt has parsed our project. To be copied from."""
    return made_once(f"parsed in {time_zone}".replace("/", " "), lambda root: _parse(Home(root), time_zone))


def _parse(home: Home, time_zone: str) -> None:
    for each in (home.warehouse.parent, home.dbt_target_dir, home.dbt_log_dir):
        each.mkdir(parents=True)
    duckdb.connect(str(home.warehouse)).close()
    settings = Settings(home.warehouse, reporting_timezone=time_zone)
    transform(home, settings, SilentProgress(), select=["no_such_model"])
