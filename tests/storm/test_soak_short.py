"""A few seeds of the soak: storms, loads, backfills, kills and other machines lose, double or bend nothing.

`make soak` runs hundreds.
"""

from __future__ import annotations

import pytest

from tests.soak.soak import soak


@pytest.mark.parametrize("seed", [22, 31])
def test_after_the_storm_the_warehouse_is_the_truth(seed):
    result = soak(seed)
    assert result.verdict.is_fine, result
