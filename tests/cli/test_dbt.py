"""`callmart dbt`: what dbt would be told wrongly. That it answers is for the README's test."""

from __future__ import annotations

import pytest
from dbt.cli.main import cli

from pipelines.marts.dbt_cli import with_variables


def test_without_a_warehouse_it_makes_no_empty_one_and_says_how_to_get_one(callmart) -> None:
    callmart.root.mkdir()
    asked = callmart("dbt", "source", "freshness")
    assert asked.returncode == 1
    assert "callmart load" in asked.stderr
    assert not (callmart.root / "warehouse" / "callmart.duckdb").exists()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("build", "build --vars V"),
        ("source freshness --select a", "source freshness --vars V --select a"),
        ("--log-level none test --select build", "--log-level none test --vars V --select build"),
        ("list --vars theirs", "list --vars V --vars theirs"),
        ("--version", "--version"),
        ("--help", "--help"),
    ],
)
def test_dbt_is_told_the_reporting_time_zone_wherever_it_takes_variables(asked: str, told: str) -> None:
    assert with_variables(cli, asked.split(), "V") == told.split()
