"""dbt's lineage names everything that the pages, the notebook and the Superset bundle read."""

from __future__ import annotations

import re

import pytest

from bi.superset.datasets import DATES
from pipelines.home import REPOSITORY
from tests.marts.workshop import manifest

pytestmark = pytest.mark.slow

TABLE = re.compile(r"\bmarts\.(\w+)")


def tables(*patterns: str) -> set[str]:
    """The marts that files name, with their schema."""
    files = (file for pattern in patterns for file in REPOSITORY.glob(pattern))
    return {name for file in files for name in TABLE.findall(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize(
    ("exposure", "read"),
    [
        ("dashboard", tables("dashboard/sql/*.sql")),
        ("notebook", tables("examples/notebook.py") - {"sql", "execute"}),
        ("superset", set(DATES)),
    ],
)
def test_an_exposure_names_every_mart_that_is_read_and_no_other(exposure: str, read: set[str]) -> None:
    (found,) = (each for each in manifest().exposures.values() if each.name == exposure)
    assert read
    assert {node.removeprefix("model.callmart.") for node in found.depends_on.nodes} == read
