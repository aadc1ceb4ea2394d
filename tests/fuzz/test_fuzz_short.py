"""One broken call that ends a load, or costs another call. `make fuzz SECONDS=600` looks much longer."""

from __future__ import annotations

from tests.fuzz.pages import fuzzed


def test_a_broken_call_in_every_page_ends_no_load_and_costs_no_other_call():
    result = fuzzed(seed=1, pages=20)
    assert result.is_fine, result
    assert result.rejected > 0
