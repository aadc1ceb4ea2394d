"""An empty warehouse, as a first load leaves it that finds nothing: made once, and copied wherever one begins with it.

Making the tables takes longer than a load of a few pages. What a first load makes by itself is seen by the tests that
begin without.
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
    """Activate a new home, and give it the warehouse."""
    home.activate()
    shutil.copy(Home(made_once("empty warehouse", _make)).warehouse, home.warehouse)
    return home


def _make(root: Path) -> None:
    home = Home(root)
    home.activate()
    with duckdb.connect() as connection:
        # DuckDB writes blocks whole, a dozen for a table that changed, and a test's rows fill none
        connection.execute(f"attach '{home.warehouse}' as empty (block_size 16384)")
    settings = replace(load_settings(home, need_api=False), warehouse=home.warehouse, privacy_key="")
    with Loader(settings, home):
        pass
