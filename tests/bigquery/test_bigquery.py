"""The same marts on BigQuery: one set of raw rows, built by dbt on DuckDB and on BigQuery, compared cell by cell.

`make test-bigquery` runs this in an environment of its own. CALLMART_BIGQUERY_SHORT builds by an increment only the facts
and what they are computed from, and compiles the other increments. With CALLMART_BIGQUERY_CALLS a centre of about so many
calls is added, and all of dbt's data tests run.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.home import Home
from pipelines.marts.dbt_runner import clean_environment
from simulator.centre import Centre
from tests.bigquery import emulator, statements, warehouse
from tests.increments.histories import START, happen, history
from tests.increments.rebuild import RECORDS, TABLES
from tests.marts import dbt_raw, engine_macros
from tests.marts.test_postgres import compared_columns, plain
from tests.marts.workshop import WAREHOUSE, Workshop
from tests.oracle.test_edge_cases import QUEUE_TIMEZONES, edge_calls

pytestmark = [
    pytest.mark.skipif(bool(emulator.why_not()), reason=emulator.why_not()),
    pytest.mark.timeout(4 * 3600),
]

ZONE = "Australia/Lord_Howe"
"""Its clocks change by half an hour."""
MORE_CALLS = int(os.environ.get("CALLMART_BIGQUERY_CALLS", "0"))
SHORT = bool(os.environ.get("CALLMART_BIGQUERY_SHORT"))
_AND_STEPS = "+config.incremental_strategy:replace_calls"
FACTS = (f"{_AND_STEPS},config.materialized:table", f"{_AND_STEPS},config.materialized:incremental")
"""The facts and what they are computed from."""
WRONG_ON_AN_EMULATOR = {"agg_agent_intervals": {"agent_busy_seconds"}}
"""Columns that are not compared there: its `max(…) over (… 1 preceding)` forgets the greatest value so far."""
FAILING_ON_AN_EMULATOR = {"assert_busy_seconds_are_the_union"}
"""Data tests that are skipped there, for the same reason."""
BY_DAY = "config.incremental_strategy:replace_days"


@dataclass
class Built:
    """Both warehouses, and what was seen on the way."""

    duckdb: Path
    bigquery: emulator.BigQuery
    home: Home
    results: dict[str, str]
    """How each node of the first build on BigQuery ended, by its id."""
    unreadable: list[str] = field(default_factory=list)
    """Statements that are not BigQuery's SQL."""
    limited: list[str] = field(default_factory=list)
    """Models of which the increment computed some days."""
    scanned: list[str] = field(default_factory=list)
    """Scans of whole tables in the increment."""
    differing: dict[str, list[str]] = field(default_factory=dict)
    """By build, what differs from DuckDB."""
    cells: int = 0
    failing_tests: str = ""
    """What dbt says of data tests that fail after the first build: an increment of the facts alone leaves marts behind."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A build from nothing on both, and an increment."""
    work = tmp_path_factory.mktemp("bigquery")
    database = work / WAREHOUSE
    dbt_raw.create_raw(database)
    workshop = Workshop(work / "workshop", ZONE)
    workshop.build(database, select=["resource_type:seed"])
    first, second, *_ = (now for now in history(3, 1) if now.is_built)
    happen(database, first)
    dbt_raw.land(database, "edges", [_apart(call, 1) for call in edge_calls()])
    if MORE_CALLS:
        centre, later = Centre.simulate(5, START, days=1, calls_per_day=MORE_CALLS), START + timedelta(days=1)
        bodies = [centre.body(version.call_id, later) for version in centre.versions(later)]
        dbt_raw.land(database, "centre", [_apart(body, 2) for body in bodies])
    with duckdb.connect(str(database)) as connection:
        connection.executemany("insert into seeds.queue_timezones values (?, ?)", [*QUEUE_TIMEZONES.items()])
    workshop.build(database)
    home = Home(work / "home")
    with emulator.running(work) as bigquery:
        copied: dict[str, warehouse.Rows] = {}
        warehouse.copy_raw(database, bigquery, copied)
        warehouse.dbt(bigquery, home, ZONE, "seed")
        zones = ", ".join(f"({queue}, '{zone}')" for queue, zone in QUEUE_TIMEZONES.items())
        bigquery.client().query(f"insert into seeds.queue_timezones values {zones}").result()
        results = warehouse.dbt(bigquery, home, ZONE, "run")
        built = Built(database, bigquery, home, results)
        built.unreadable += statements.not_bigquery(home.dbt_target_dir)
        bigquery.restart()
        _compare(built, "in full")
        bigquery.restart()
        _test_data(built)
        bigquery.restart()
        happen(database, second)
        workshop.build(database)
        warehouse.copy_raw(database, bigquery, copied)
        bigquery.restart()
        selected = FACTS if SHORT else TABLES
        warehouse.dbt(bigquery, home, ZONE, "run", "--select", *selected)
        if SHORT:
            warehouse.dbt(bigquery, home, ZONE, "compile", "--select", BY_DAY)
        built.unreadable += statements.not_bigquery(home.dbt_target_dir)
        _look_at_scans(built)
        _compare(built, "by an increment", only="fct_" if SHORT else "")
        yield built


def _look_at_scans(built: Built) -> None:
    """What the increment's statements read. A model may have had to compute every day; of those there is nothing to see."""
    nodes = json.loads((built.home.dbt_target_dir / "manifest.json").read_text())["nodes"].values()
    partitioned = statements.partitions(nodes)
    by_day = {node["name"] for node in nodes if node["config"].get("incremental_strategy") == "replace_days"}
    by_day.discard("mart_wait_percentiles")  # reads the waits of all days
    for file in sorted((built.home.dbt_target_dir / "compiled").rglob("*.sql")):
        sql = file.read_text()
        if file.stem in by_day and statements.limited_to_days(sql):
            built.limited.append(file.stem)
            built.scanned += statements.scans_of_whole_tables(sql, partitioned)
    for file in sorted((built.home.dbt_target_dir / "run").rglob("fct_*.sql")):
        built.scanned += statements.deletes_of_whole_tables(file.read_text(), partitioned)


def _test_data(built: Built) -> None:
    """Run one of dbt's data tests of each kind; with more calls all of them."""
    nodes = json.loads((built.home.dbt_target_dir / "manifest.json").read_text())["nodes"].values()
    tests = [each for each in nodes if each["resource_type"] == "test"]
    if not MORE_CALLS:
        tests = [*{_kind(each): each for each in tests}.values()]
    skipped = FAILING_ON_AN_EMULATOR if built.bigquery.endpoint else set()
    names = {each["name"] for each in tests} - skipped
    try:
        passed = warehouse.dbt(built.bigquery, built.home, ZONE, "test", "--select", *sorted(names))
        assert len(passed) == len(names) > 15
    except AssertionError as error:
        built.failing_tests = str(error) or "some tests did not run"


def _apart(call: Any, group: int) -> Any:
    """The call under an id that no call of the history, or of another group, has."""
    return call | {"id": call["id"] + group * 10_000_000}


def _compare(built: Built, build: str, only: str = "") -> None:
    """Compare the tables whose names begin with `only`."""
    found = built.differing.setdefault(build, [])
    with duckdb.connect(str(built.duckdb), read_only=True) as source:
        source.execute("set TimeZone = 'UTC'")
        # Views only repeat what the tables made of them; an emulator takes minutes for each.
        relations = source.execute(
            "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
            " and table_schema in ('intermediate', 'marts', 'history') order by all"
        ).fetchall()
        for schema, name in relations:
            if name in RECORDS or not name.startswith(only):
                continue
            wrong = WRONG_ON_AN_EMULATOR.get(name, set()) if built.bigquery.endpoint else set()
            columns = [each for each in compared_columns(source, schema, name) if each not in wrong]
            query = f"select {', '.join(columns)} from {schema}.{name}"
            here = Counter(plain(row) for row in source.execute(query).fetchall())
            there = Counter(plain(row) for row in warehouse.rows(built.bigquery, f"{schema}.{name}", columns))
            built.cells += here.total() * len(columns)
            if here != there:
                found.append(
                    f"{schema}.{name}: {next(iter(here - there), None)}, {next(iter(there - here), None)}"
                )


def test_every_cell_of_a_build_in_full_equals_duckdbs(built: Built) -> None:
    """A macro whose form for BigQuery says something else than DuckDB's."""
    assert not built.differing["in full"], "\n".join(built.differing["in full"])
    assert built.cells > 50_000


def test_every_cell_after_an_increment_equals_duckdbs(built: Built) -> None:
    """An increment that forgets or doubles a row. DuckDB's increments equal full builds: tests/increments."""
    assert not built.differing["by an increment"], "\n".join(built.differing["by an increment"])


def test_every_statement_is_bigquerys_sql(built: Built) -> None:
    """What the emulator lets pass."""
    assert not built.unreadable, "\n".join(built.unreadable)


def test_an_increment_reads_the_partitions_that_change(built: Built) -> None:
    """An increment that costs what the table costs."""
    assert not built.scanned, "\n".join(built.scanned)
    assert {"agg_queue_intervals", "agg_agent_days"} <= set(built.limited)


def test_a_project_that_has_a_dataset_of_the_name_is_refused(built: Built) -> None:
    """A test that would write to somebody's marts, and remove them."""
    with pytest.raises(AssertionError, match="Take an empty project"), emulator.own_datasets(built.bigquery):
        pass


def test_every_macro_says_on_bigquery_what_it_must(built: Built) -> None:
    """A macro that is wrong on every engine alike, which no comparison of engines shows."""
    environment = clean_environment() | built.bigquery.environment
    built.bigquery.restart()
    assert not engine_macros.wrong(environment, built.home, "bigquery", ZONE)


def test_data_tests_pass(built: Built) -> None:
    """A test whose SQL BigQuery does not know: one of each kind, and with more calls all of them."""
    assert not built.failing_tests, built.failing_tests


def _kind(test: dict[str, Any]) -> str:
    """The name of a generic test, such as `primary_key`, or of one that stands alone."""
    return (test.get("test_metadata") or test)["name"]


@pytest.mark.skipif(not MORE_CALLS, reason="takes long on an emulator: set CALLMART_BIGQUERY_CALLS")
def test_a_full_build_changes_no_cell(built: Built) -> None:
    """An increment that differs from a full build on BigQuery alone."""
    warehouse.dbt(built.bigquery, built.home, ZONE, "run", "--full-refresh")
    built.bigquery.restart()
    _compare(built, "in full again")
    assert not built.differing["in full again"], "\n".join(built.differing["in full again"])
