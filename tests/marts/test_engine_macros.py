"""The macros of `macros/engine` on DuckDB. On Postgres and BigQuery the same cases run where marts are built there."""

from __future__ import annotations

from pathlib import Path

from pipelines.home import Home
from pipelines.marts.dbt_runner import clean_environment, duckdb_connection
from tests.marts import engine_macros
from tests.marts.workshop import parsed


def test_every_macro_says_on_duckdb_what_it_must(tmp_path: Path) -> None:
    """A macro that is wrong on every engine alike, which no comparison of engines shows."""
    home = parsed(Home(tmp_path / "home"))
    environment = clean_environment() | duckdb_connection(tmp_path / "callmart.duckdb", home.dbt_target_dir)
    assert not engine_macros.wrong(environment, home, "duckdb")


def test_every_macro_has_a_case() -> None:
    """A new macro that is tried on one engine only."""
    assert not engine_macros.untested()
