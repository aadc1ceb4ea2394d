"""One seed of the soak: storms, loads, backfills, kills and other machines lose, double or bend nothing.

`make soak` runs hundreds.
"""

from __future__ import annotations

import pytest

from tests.soak.soak import soak


def test_after_the_storm_the_warehouse_is_the_truth():
    result = soak(31)
    assert result.verdict.is_fine, result


@pytest.mark.long
def test_after_the_storm_a_warehouse_on_postgres_is_the_truth(postgres_server):
    """The short form is `tests/warehouse/test_load_postgres.py`: increments, a kill, a full disk."""
    result = soak(31, postgres_server)
    assert result.verdict.is_fine, result
