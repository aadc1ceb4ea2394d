"""An empty warehouse, as a first load leaves it that finds nothing: made once, and copied wherever one begins with it.

dlt's making of tables takes longer than a load of a few pages. What a first load makes by itself is seen by the
tests that begin without.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from pipelines.home import Home
from pipelines.warehouse.catalogue import describe
from pipelines.warehouse.landing import Landing
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
    with Landing(home, home.warehouse) as landing:
        describe(landing.connection)
