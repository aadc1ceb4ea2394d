"""A rebuild must not be needed for the numbers to be right: by increments they are the same, row for row."""

from __future__ import annotations

import pytest

from tests.increments.histories import history
from tests.increments.rebuild import Outcome, empty_warehouse, rebuild
from tests.marts import dbt_raw
from tests.marts.workshop import Workshop

pytestmark = pytest.mark.slow

SEEDS = (5,)
"""One that moves all that is asked for below; `make increments` takes many more."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Outcome]:
    work = tmp_path_factory.mktemp("increments")
    workshop = Workshop(work)
    empty = empty_warehouse(workshop, work / "empty")
    return {seed: rebuild(workshop, empty, work / str(seed), history(seed)) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_increments_equal_a_full_refresh(outcomes: dict[int, Outcome], seed: int) -> None:
    """Every row of every model: an orphan, a double or a stale row is a number that is wrong for good."""
    assert outcomes[seed].differences == []


def test_histories_move_what_no_load_changes(outcomes: dict[int, Outcome]) -> None:
    """Else the comparison would say nothing of finality, restatements and repeat windows."""
    found = [
        dbt_raw.rows(
            outcome.full,
            "select (select count(*) from marts.mart_restatements) as restated,"
            " (select count(*) from marts.mart_queue_intervals where is_final) as final,"
            " (select count(*) from marts.mart_queue_intervals where not is_final) as provisional,"
            " (select sum(contacts) from marts.mart_repeat_contacts) as week_over,"
            " (select count(*) from marts.fct_calls where load_id is null) as cut_short",
        )[0]
        for outcome in outcomes.values()
    ]
    assert all(any(row[what] for row in found) for what in found[0]), found
