"""A test of the numbers that sees no mistake guards nothing. `make mutants` plants them all."""

from __future__ import annotations

import pytest

from tests.mutants.bench import Bench
from tests.mutants.mistakes import MISTAKES, Mistake

PLANTED = {
    "target exclusive": "oracle",
}
"""One that is cheap to build, and who has to see it: the bench itself still works."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("mutants"))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistake_can_still_be_planted(mistake: Mistake) -> None:
    """SQL moves on; a mistake that no longer applies is one that nobody looks for."""
    assert mistake.is_applicable()


@pytest.mark.parametrize("name", PLANTED)
def test_planted_mistake_is_caught(bench: Bench, name: str) -> None:
    """By those who are to see it, without dbt's unit tests."""
    (mistake,) = (mistake for mistake in MISTAKES if mistake.name == name)
    assert bench.caught(mistake).startswith(PLANTED[name])
