"""A metric asked of the semantic layer equals the mart's, whatever it is grouped by."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.home import REPOSITORY, Home
from tests.marts.simulated import built_home
from tests.marts.workshop import parse_of_project
from tests.semantic.definitions import COMPARISONS, DEFINED

if TYPE_CHECKING:
    from tests.semantic.layer import Cells, Layer

pytestmark = pytest.mark.slow

PAGE = REPOSITORY.parent / "shared" / "metrics.md"
"""The page that defines the metrics lies beside a developer's clone, not in a user's."""


@pytest.fixture(scope="module")
def layer() -> Iterator[Layer]:
    from tests.semantic.layer import Layer  # takes seconds, and every worker imports this file

    layer = Layer(Home(parse_of_project()).dbt_target_dir / "semantic_manifest.json", built_home().warehouse)
    yield layer
    layer.close()


@pytest.fixture(scope="module")
def both(layer: Layer) -> Any:
    """What the semantic layer and what the mart say, asked once a comparison."""

    @cache
    def ask(place: int) -> tuple[Cells, Cells]:
        comparison = COMPARISONS[place]
        known = [name for name in comparison.metrics if name in layer.metrics]
        return (
            layer.ask(known, comparison.keys),
            layer.ask_mart(comparison.query, comparison.keys, comparison.metrics),
        )

    return ask


def equal(told: Any, expected: Any) -> bool:
    """NULL is NULL alone, never 0; sums and ratios to the last digits of a double."""
    if told is None or expected is None:
        return told is expected
    return math.isclose(told, expected, rel_tol=1e-12, abs_tol=0)


def differences(metric: str, told: Cells, expected: Cells) -> dict[tuple[Any, ...], tuple[Any, Any]]:
    return {
        key: (told[key][metric], cell[metric])
        for key, cell in expected.items()
        if not equal(told[key][metric], cell[metric])
    }


@pytest.mark.parametrize("metric", sorted({name for each in COMPARISONS for name in each.metrics}))
def test_a_metric_has_one_value_however_it_is_asked_for(metric, layer, both) -> None:
    assert metric in layer.metrics, "the semantic layer does not know it"
    values = set()
    for place, comparison in enumerate(COMPARISONS):
        if metric not in comparison.metrics:
            continue
        told, expected = both(place)
        assert told.keys() == expected.keys(), comparison
        assert expected, comparison
        wrong = differences(metric, told, expected)
        assert not wrong, f"{comparison}: {len(wrong)} of {len(expected)} differ (layer, mart): {wrong}"
        values |= {cell[metric] for cell in expected.values()}
    assert values - {None}, "it was compared where it has no value"


def test_every_defined_metric_is_compared_with_a_mart() -> None:
    in_marts = {name for each in COMPARISONS if not each.grouped for name in each.metrics}
    assert not DEFINED - in_marts


def test_the_list_of_metrics_is_the_definitions() -> None:
    """Where the page lies beside this clone; elsewhere the list stands for it."""
    if PAGE.exists():
        assert names_on(PAGE.read_text(encoding="utf-8")) == DEFINED


def names_on(page: str) -> set[str]:
    """Metrics that the page's tables and its part on calls name."""
    tables = page.partition("## Queue segments")[2]
    rows = re.findall(r"^\| (`\w+`[^|]*)\|", tables, re.MULTILINE)
    calls = tables.partition("## Calls and outcomes")[2].partition("\n## ")[0]
    return set(re.findall(r"`(\w+)`", " ".join([*rows, calls])))


def test_nothing_in_progress_is_offered(layer) -> None:
    (cell,) = layer.ask(
        ["offered", "in_progress", "answered", "abandoned", "flowed_out", "failed"], []
    ).values()
    assert cell["in_progress"] > 0
    assert cell["offered"] == sum(cell[part] for part in ("answered", "abandoned", "flowed_out", "failed"))


def test_a_day_of_metrics_from_several_marts_is_one_row(layer) -> None:
    """All metrics share one day, the local one: a caller of 23:30 in New York is not of tomorrow."""
    metrics = ["service_level", "average_handle_time", "ivr_abandonment_rate", "agent_busy_seconds"]
    days = layer.ask(metrics, ["metric_time__day"])
    dates = {
        day
        for (day,) in layer.sql("select distinct cast(local_date as timestamp) from marts.mart_queue_days")
    }
    assert dates <= {day for (day,) in days}
    whole = [cell for cell in days.values() if None not in cell.values()]
    assert len(whole) >= 7


def test_every_metric_says_what_it_is(layer) -> None:
    for name, metric in layer.metrics.items():
        assert metric["description"] and metric["label"] != name, name
        if metric["type"] == "ratio":
            parts = (metric["type_params"][part]["name"] for part in ("numerator", "denominator"))
            assert name == "service_level" or " / ".join(parts) in metric["description"], name


def test_every_saved_query_answers(layer) -> None:
    names = [saved["name"] for saved in layer.manifest["saved_queries"]]
    assert len(names) >= 8
    for name in names:
        assert layer.ask_saved(name), name
