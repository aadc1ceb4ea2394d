"""What a reader would find missing or stale if models were not made in place, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop, WorkshopError

COUNT = "select count(*) as days from marts.dim_dates"
KIND = "select table_type from information_schema.tables where table_name = 'dim_dates'"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("dbt"))


@pytest.fixture
def model(workshop: Workshop) -> Iterator[Any]:
    """A model of the parsed project, to be altered."""
    node = workshop.manifest.nodes["model.callmart.dim_dates"]
    code, kind = node.raw_code, node.config.materialized
    yield node
    node.raw_code, node.config.materialized = code, kind


@pytest.fixture
def built(workshop: Workshop, tmp_path: Path) -> Path:
    database = tmp_path / WAREHOUSE
    dbt_raw.create_raw(database)
    dbt_raw.land(database, "a-load", [dbt_raw.fixture("real_call_1418.json")])
    workshop.build(database, select=["+dim_dates"])
    return database


def test_a_table_that_cannot_be_made_leaves_the_one_before(workshop, model, built) -> None:
    before = dbt_raw.rows(built, COUNT)
    model.raw_code += " where error('no such luck')"
    with pytest.raises(WorkshopError, match="no such luck"):
        workshop.build(built, select=["dim_dates"])
    assert dbt_raw.rows(built, COUNT) == before


def test_a_table_that_becomes_a_view_leaves_no_table_and_the_other_way_round(workshop, model, built) -> None:
    before = dbt_raw.rows(built, COUNT)
    for kind, found in (("view", "VIEW"), ("view", "VIEW"), ("table", "BASE TABLE")):
        model.config.materialized = kind
        workshop.build(built, select=["dim_dates"])
        assert dbt_raw.rows(built, KIND) == [{"table_type": found}]
        assert dbt_raw.rows(built, COUNT) == before
