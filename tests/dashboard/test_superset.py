"""The Superset bundle: its metrics are the marts' own, and its SQL runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from bi.superset.bundle import bundle
from bi.superset.charts import CHARTS
from bi.superset.datasets import DATES, SCHEMA, metrics

pytestmark = pytest.mark.slow

URI = "duckdb:////somewhere/callmart.duckdb"


@pytest.fixture(scope="module")
def published(copy: Path) -> Iterator[Engine]:
    engine = create_engine(f"duckdb:///{copy}?access_mode=read_only")
    yield engine
    engine.dispose()


@pytest.mark.parametrize("mart", DATES)
def test_a_metric_is_its_column_when_it_is_asked_of_one_row(published: Engine, mart: str) -> None:
    """A formula read wrongly from a description would be wrong over every selection."""
    found = metrics(inspect(published).get_columns(mart, SCHEMA))
    with published.connect() as connection:
        for metric in found:
            if metric.column:
                of_one_row = f"select any_value({metric.column}) as own, {metric.expression} as worked"
                query = f"select count(*) from ({of_one_row} from {SCHEMA}.{mart} group by rowid)"
                wrong = connection.execute(text(f"{query} where own is distinct from worked")).scalar()
                assert wrong == 0, f"{mart}: {metric.name} = {metric.expression}"
    assert bool(found) == (mart not in ("mart_completeness", "mart_publication"))


def test_every_chart_asks_for_metrics_and_columns_that_its_dataset_has(published: Engine) -> None:
    files = bundle(published, URI)
    datasets = {body["uuid"]: body for path, body in files.items() if path.startswith("datasets/")}
    assert len(datasets) == len(DATES)
    for chart in CHARTS:
        body = files[f"charts/{chart.id}.yaml"]
        dataset = datasets[body["dataset_uuid"]]
        named = {each["metric_name"] for each in dataset["metrics"]}
        columns = {each["column_name"] for each in dataset["columns"]}
        params = body["params"]
        asked = {*params.get("metrics", []), *params.get("metrics_b", []), params.get("metric")} - {None}
        assert asked <= named, f"{chart.name}: {asked - named}"
        used = {*params.get("groupby", []), *params.get("all_columns", []), params.get("x_axis")} - {None}
        used |= {each["subject"] for each in params["adhoc_filters"] if "subject" in each}
        assert used <= columns, f"{chart.name}: {used - columns}"


def test_every_chart_stands_on_the_dashboard_and_every_dataset_is_the_database_s(published: Engine) -> None:
    files = bundle(published, URI)
    (database,) = (body for path, body in files.items() if path.startswith("databases/"))
    assert database["sqlalchemy_uri"] == URI
    assert {
        body["database_uuid"] for path, body in files.items() if path.startswith("datasets/")
    } == {database["uuid"]}  # fmt: skip
    position = files["dashboards/callmart.yaml"]["position"]
    rows = [each for each in position.values() if isinstance(each, dict) and each["type"] == "ROW"]
    widths = [sum(position[chart]["meta"]["width"] for chart in row["children"]) for row in rows]
    assert set(widths) == {12}
    assert sum(len(row["children"]) for row in rows) == len(CHARTS)
