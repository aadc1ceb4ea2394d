"""What analysts read about the marts agrees with the marts, and says each thing once."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import duckdb
import pytest
import yaml  # type: ignore[import-untyped]

from tests.marts.dbt_raw import PROJECT
from tests.marts.metrics_page import HEADED, METRICS, Metric

MODELS = PROJECT / "models"
BLOCK = re.compile(r"{% docs (\w+) %}\n(.*?)\n{% enddocs %}", re.DOTALL)
NO_METRICS = re.compile(r"wait_p\d\d_seconds|value_before|value_after")
"""Numbers of public marts that are no metrics of their own: percentiles share a heading, restatements name a metric."""
WITHOUT_FORMULA = {"offered_load_erlangs", "expected_service_level"}
"""They need the interval's length and Erlang C, which no column holds."""
REFERENCE = re.compile(r"doc\('(\w+)'\)")


@cache
def hand_written() -> list[dict[str, Any]]:
    """The models described by hand. Staging is generated: each of its columns is described where it is declared."""
    files = (file for file in sorted(MODELS.rglob("*.yml")) if file.parent.name != "staging")
    read = (yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader) for file in files)
    return [model for found in read for model in found.get("models", [])]


@cache
def doc_blocks() -> dict[str, str]:
    """The text of each doc block, by name."""
    texts = (file.read_text(encoding="utf-8") for file in MODELS.rglob("*_docs.md"))
    return dict(pair for text in texts for pair in BLOCK.findall(text))


def test_what_two_models_say_alike_of_a_column_is_said_once() -> None:
    """Two copies of a definition drift apart, and both are read."""
    said = Counter(
        (column["name"], column["description"])
        for model in hand_written()
        for column in model.get("columns", [])
        if not REFERENCE.search(column["description"])
    )
    assert {pair: times for pair, times in said.items() if times > 1} == {}


def test_every_doc_block_is_referred_to() -> None:
    """A block nobody refers to tells of a column that went."""
    texts = (file.read_text(encoding="utf-8") for file in MODELS.rglob("*.yml"))
    assert doc_blocks().keys() == {name for text in texts for name in REFERENCE.findall(text)}


@cache
def public_metrics() -> dict[str, set[str]]:
    """The metrics that public marts show, each with how its columns describe it, doc blocks in full."""
    blocks = doc_blocks()
    found: dict[str, set[str]] = {}
    for model in hand_written():
        if model.get("config", {}).get("access") == "public":
            for column in model["columns"]:
                if column["data_type"] == "double" and not NO_METRICS.search(column["name"]):
                    text = re.sub(
                        r"{{ doc\('(\w+)'\) }}", lambda match: blocks[match[1]], column["description"]
                    )
                    found.setdefault(column["name"], set()).add(text)
    return found


def test_every_metric_of_a_public_mart_is_on_the_page() -> None:
    """An analyst who meets a ratio looks it up by its name."""
    metrics = public_metrics()
    assert metrics.keys() - HEADED == set()
    assert metrics.keys() - {metric.name for metric in METRICS} == WITHOUT_FORMULA


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_means_the_same_on_the_page_and_beside_its_column(metric: Metric) -> None:
    """Its formula gives the example's result, by way of the numbers shown, and is that of the description."""
    parts = ", ".join(f"{value} as {name}" for name, value in metric.parts.items())
    results = duckdb.sql(f"select {metric.sql}, {metric.worked} from (select {parts})").fetchone()
    assert results is not None
    decimals = len(metric.result.partition(".")[2])
    assert {f"{result:.{decimals}f}" for result in results} == {metric.result}
    formula = metric.formula.replace(" - ", " − ")
    assert any(formula in text for text in public_metrics()[metric.name])


def test_the_worked_example_is_the_one_the_marts_are_tested_with() -> None:
    """dbt computes it from the same parts, in unit tests of both marts of queue segments."""
    tests = yaml.safe_load((MODELS / "marts" / "_unit_tests.yml").read_text(encoding="utf-8"))["unit_tests"]
    page = {metric.name: metric for metric in METRICS}
    seen = set()
    for test in tests[:2]:
        given, expected = test["given"][0]["rows"][0], test["expect"]["rows"][0]
        for name in expected.keys() & page.keys():
            assert {part: given[part] for part in page[name].columns}.items() <= page[name].parts.items()
            assert round(float(expected[name]), 4) == float(page[name].result)
            seen.add(name)
    assert len(seen) == 15
