"""An empty warehouse, as after a first load without calls: created once and copied for each test.

Creating the tables takes longer than a load of a few pages. Other tests begin without a warehouse.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb

from pipelines.home import Home
from pipelines.settings import load_settings
from pipelines.warehouse.loader import Loader
from tests.shared import made_once


def with_warehouse(home: Home) -> Home:
    """Activate a new home with a copy of the empty warehouse."""
    home.activate()
    shutil.copy(Home(made_once("empty warehouse", _make)).warehouse, home.warehouse)
    return home


def _make(root: Path) -> None:
    home = Home(root)
    home.activate()
    with duckdb.connect() as connection:
        # DuckDB writes whole blocks, about a dozen per changed table, and a test has few rows
        connection.execute(f"attach '{home.warehouse}' as empty (block_size 16384)")
    settings = replace(load_settings(home, need_api=False), warehouse=home.warehouse, privacy_key="")
    with Loader(settings, home):
        pass
