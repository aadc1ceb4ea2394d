"""The same marts on BigQuery: one set of raw rows, built by dbt on DuckDB and on BigQuery, compared cell by cell.

`make test-bigquery` runs this in an environment of its own. With CALLMART_BIGQUERY_CALLS a centre of about so many calls
is added, and dbt's data tests run too: an emulator takes an hour for that.
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
from pipelines.marts.dbt_runner import PROJECT_DIR
from simulator.centre import Centre
from tests.bigquery import emulator, statements, warehouse
from tests.increments.histories import START, happen, history
from tests.increments.rebuild import RECORDS
from tests.marts import dbt_raw
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
NO_INCREMENTS = pytest.mark.skipif(
    not os.environ.get(emulator.PROJECT_VARIABLE),
    reason="an emulator's memory is full when it has dropped some tables, and each model's increment drops one",
)
TESTS_AT_ONCE = 30
"""After more of them an emulator's memory is full."""


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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A build from nothing on both; on BigQuery itself an increment too."""
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
        warehouse.copy_raw(database, bigquery)
        warehouse.dbt(bigquery, home, ZONE, "seed")
        zones = ", ".join(f"({queue}, '{zone}')" for queue, zone in QUEUE_TIMEZONES.items())
        bigquery.client().query(f"insert into seeds.queue_timezones values {zones}").result()
        results = warehouse.dbt(bigquery, home, ZONE, "run")
        built = Built(database, bigquery, home, results)
        built.unreadable += statements.not_bigquery(home.dbt_target_dir)
        bigquery.restart()
        _compare(built, "in full")
        bigquery.restart()
        if not bigquery.endpoint:
            happen(database, second)
            workshop.build(database)
            warehouse.copy_raw(database, bigquery)
            warehouse.dbt(bigquery, home, ZONE, "run")
            built.unreadable += statements.not_bigquery(home.dbt_target_dir)
            _look_at_scans(built)
            _compare(built, "by an increment")
        yield built


def _look_at_scans(built: Built) -> None:
    """What the increment's statements read. A model may have had to compute every day; of those there is nothing to see."""
    models = {
        file.name
        for file in (PROJECT_DIR / "models").rglob("*.sql")
        if "replaced_by_day(" in file.read_text()
        and file.stem != "mart_wait_percentiles"  # reads the waits of all days
    }
    for file in sorted((built.home.dbt_target_dir / "compiled").rglob("*.sql")):
        sql = file.read_text()
        if file.name in models and statements.limited_to_days(sql):
            built.limited.append(file.stem)
            built.scanned += statements.scans_of_whole_tables(sql)
    for file in sorted((built.home.dbt_target_dir / "run").rglob("fct_*.sql")):
        built.scanned += statements.deletes_of_whole_tables(file.read_text())


def _apart(call: Any, group: int) -> Any:
    """The call under an id that no call of the history, or of another group, has."""
    return call | {"id": call["id"] + group * 10_000_000}


def _compare(built: Built, build: str) -> None:
    found = built.differing.setdefault(build, [])
    with duckdb.connect(str(built.duckdb), read_only=True) as source:
        source.execute("set TimeZone = 'UTC'")
        # Views only repeat what the tables made of them; an emulator takes minutes for each.
        relations = source.execute(
            "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
            " and table_schema in ('intermediate', 'marts', 'history') order by all"
        ).fetchall()
        for schema, name in relations:
            if name in RECORDS:
                continue
            columns = compared_columns(source, schema, name)
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


@NO_INCREMENTS
def test_every_cell_after_an_increment_equals_duckdbs(built: Built) -> None:
    """An increment that forgets or doubles a row. DuckDB's increments equal full builds: tests/increments."""
    assert not built.differing["by an increment"], "\n".join(built.differing["by an increment"])


def test_every_statement_is_bigquerys_sql(built: Built) -> None:
    """What the emulator lets pass."""
    assert not built.unreadable, "\n".join(built.unreadable)


@NO_INCREMENTS
def test_an_increment_reads_the_partitions_that_change(built: Built) -> None:
    """An increment that costs what the table costs."""
    assert not built.scanned, "\n".join(built.scanned)
    assert {"agg_queue_intervals", "agg_agent_days"} <= set(built.limited)


@pytest.mark.skipif(not MORE_CALLS, reason="takes long on an emulator: set CALLMART_BIGQUERY_CALLS")
def test_every_data_test_passes(built: Built) -> None:
    """A test whose SQL BigQuery does not know, or a fault that the comparison cannot see."""
    nodes = json.loads((built.home.dbt_target_dir / "manifest.json").read_text())["nodes"].values()
    tests = sorted(each["name"] for each in nodes if each["resource_type"] == "test")
    passed: dict[str, str] = {}
    for start in range(0, len(tests), TESTS_AT_ONCE):
        built.bigquery.restart()
        some = tests[start : start + TESTS_AT_ONCE]
        passed |= warehouse.dbt(built.bigquery, built.home, ZONE, "test", "--select", *some)
    assert len(passed) == len(tests) > 125


@pytest.mark.skipif(not MORE_CALLS, reason="takes long on an emulator: set CALLMART_BIGQUERY_CALLS")
@NO_INCREMENTS
def test_a_full_build_changes_no_cell(built: Built) -> None:
    """An increment that differs from a full build on BigQuery alone."""
    warehouse.dbt(built.bigquery, built.home, ZONE, "run", "--full-refresh")
    built.bigquery.restart()
    _compare(built, "in full again")
    assert not built.differing["in full again"], "\n".join(built.differing["in full again"])
