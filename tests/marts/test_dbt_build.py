"""The marts, built by dbt over a raw database made by hand.

One warehouse lives through this module: a first build, late changes, an incremental build, a full one.
Each test looks at what one of these builds left.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.ccaip.privacy.policy import personal_columns
from pipelines.ccaip.tables import TABLES
from pipelines.home import REPOSITORY, Home
from pipelines.marts.docs import copy_shape, generate_page
from tests.increments.rebuild import TABLES as CHANGING
from tests.marts import dbt_raw
from tests.marts.dbt_expected import FAULTS, PUBLIC
from tests.marts.metrics_page import METRICS, QUERIES, Metric
from tests.marts.workshop import WAREHOUSE, Workshop, parsed

pytestmark = pytest.mark.slow

FACTS = (
    "fct_calls", "fct_queue_segments", "fct_handled_segments", "fct_transfers", "fct_virtual_agent_sessions",
)  # fmt: skip
DERIVED = (
    "agg_queue_intervals", "agg_agent_days", "mart_service_level", "mart_abandonment", "mart_agent_handle_time",
    "dim_agents", "dim_queues", "dim_call_types", "dim_dates", "dim_intervals", "mart_completeness",
    "agg_agent_intervals", "mart_queue_days", "mart_queue_handle_time", "mart_queue_intervals", "mart_wait_percentiles",
    "dim_agent_versions", "dim_queue_versions", "mart_transfers", "mart_deflection_and_callbacks",
    "mart_virtual_agent", "mart_repeat_contacts", "mart_ivr", "mart_service_level_reconciliation",
    "mart_restatements", "mart_staffing",
)  # fmt: skip

SECOND_LEG = 12
"""The payload's transfer: its second leg, and the agent's second handled segment."""


@dataclass(frozen=True)
class Built:
    """Copies of the warehouse after each build, the warehouse after the last, and what dbt said."""

    first: Path
    incremental: Path
    full: Path
    again: Path
    results: dict[str, str]
    """How each node of the first build ended, by its id."""
    mark: str
    """What the incremental build left of a mark on a row it had no reason to touch."""
    failing: set[str]
    """The tests that fail over marts with one fault for each."""
    page: str
    """The documentation, as `make docs` writes it."""
    manifest: dict[str, Any]
    """What dbt wrote of the project then."""


def call(call_id: int, **fields: Any) -> dict[str, Any]:
    """The payload as another call, some fields replaced."""
    return copy.deepcopy(dbt_raw.fixture("real_call_1418.json")) | {"id": call_id} | fields


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    work = tmp_path_factory.mktemp("dbt")
    (work / "home").mkdir()
    path = work / "home" / WAREHOUSE
    dbt_raw.create_raw(path)
    workshop = Workshop(work / "workshop")
    dbt_raw.land(path, "b-first", [
        dbt_raw.fixture("real_call_1418.json"),
        dbt_raw.fixture("documented_example_response.json"),
        call(2001),  # will be updated late
        call(2002),  # will lose its second queue and handle rows
        call(2003),  # will lose all of them
        call(2004),  # will vanish
        call(2005, status="transmogrified", call_type="Voice Inbound (Satellite)", fail_reason="eu_bored",
             deflection="to_the_moon", service_level_event="perhaps"),
        # Goes on in May: the intervals of March are past the reach of late updates, so they are published.
        call(2007, status="connected", updated_at="2026-05-01T00:00:00Z", queue_durations=[],
             handle_durations=[], transfers=[]),
    ])  # fmt: skip
    # A load cut short: its calls are there, its children are not.
    bare = call(2006, queue_durations=[], handle_durations=[], transfers=[])
    dbt_raw.land(path, "c-cut", [bare], complete=False)
    done = workshop.run(path, "build")
    assert done.success
    results = {each.node.unique_id: each.status for each in done.result.results}
    first = Path(shutil.copy(path, work / "first.duckdb"))

    # The newer load's id sorts before the older one's: two machines, two clocks.
    dbt_raw.land(path, "a-second", [
        call(2001, status="failed", queue_durations=[_late(2001)]),
        call(2002, **{key: call(2002)[key][:1] for key in ("queue_durations", "transfers")},
             handle_durations=call(2002)["handle_durations"][:2]),
        call(2003, queue_durations=[], handle_durations=[], transfers=[]),
        _renamed(3001),
    ])  # fmt: skip
    dbt_raw.land(path, "c-cut", [call(2006)])
    with duckdb.connect(str(path)) as connection:
        dbt_raw.forget(connection, 2004)
    mark = "update marts.fct_calls set disconnected_by = ? where call_id = 1"
    with duckdb.connect(str(path)) as connection:
        connection.execute(mark, ["nobody"])
    workshop.build(path, select=CHANGING)
    marked = dbt_raw.rows(path, "select disconnected_by from marts.fct_calls where call_id = 1")
    with duckdb.connect(str(path)) as connection:
        connection.execute(mark, ["disconnected_by_unknown"])
    incremental = Path(shutil.copy(path, work / "incremental.duckdb"))
    workshop.build(path, full_refresh=True, select=CHANGING)
    full = Path(shutil.copy(path, work / "full.duckdb"))
    docs = parsed(Home(work / "docs"))
    docs.warehouse.parent.mkdir()
    page = generate_page(Path(shutil.copy(path, docs.warehouse)), docs.dbt_target_dir)
    (work / "faulty").mkdir()
    faulty = Path(shutil.copy(path, work / "faulty" / WAREHOUSE))
    with duckdb.connect(str(faulty)) as connection:
        for fault in FAULTS.values():
            connection.execute(fault)
    failing = set(workshop.failing_tests(faulty, FAULTS))
    # Another setting, and another service level from 2020 on; nothing new landed.
    workshop.variables |= {"reporting_timezone": "Asia/Kathmandu", "short_call_seconds": 50}
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "insert into seeds.service_level_rules values ('2020-01-01T00:00:00Z', 'service_level_vendor', true, true)"
        )
    workshop.build(path, select=("config.meta.work_set:true", "fct_handled_segments", "fct_queue_segments"))
    manifest = json.loads(page.with_name("manifest.json").read_text())
    return Built(
        first,
        incremental,
        full,
        path,
        results,
        marked[0]["disconnected_by"],
        failing,
        page.read_text(encoding="utf-8"),
        manifest,
    )


@pytest.fixture(scope="module", autouse=True)
def looked_at(built: Built) -> Iterator[None]:
    """What was built stays open: every test looks at it."""
    with dbt_raw.held_open(built.first, built.incremental, built.full, built.again):
        yield


def _late(call_id: int) -> dict[str, Any]:
    row: dict[str, Any] = call(call_id)["queue_durations"][0]
    return row | {"queue_duration": 61, "service_level_event": "not_in_sla"}


def _renamed(call_id: int) -> dict[str, Any]:
    """The payload a day later, its agent and its first queue under other names."""
    body = json.dumps(call(call_id))
    for old, new in (
        ("2026-03-23T", "2026-03-24T"), ("Jane Smith", "Jane Doe"), ("va-escalation_menu_id", "escalations"),
    ):  # fmt: skip
        body = body.replace(old, new)
    later: dict[str, Any] = json.loads(body)
    return later


def test_payload_has_two_answered_segments_in_service_level(built: Built) -> None:
    """Its deprecated wait of 27 seconds is the sum of two waits, not a speed of answer."""
    assert dbt_raw.rows(
        built.first,
        "select queue_id, wait_seconds, outcome, outcome_rule, is_answered_in_sl"
        " from marts.fct_queue_segments where call_id = 1418 order by idx",
    ) == [
        {"queue_id": 4, "wait_seconds": 9, "outcome": "answered", "outcome_rule": "leg_handled",
         "is_answered_in_sl": True},
        {"queue_id": 8, "wait_seconds": 18, "outcome": "answered", "outcome_rule": "transfer_completed",
         "is_answered_in_sl": True},
    ]  # fmt: skip


def test_payload_has_two_handled_segments_of_one_agent(built: Built) -> None:
    """Adding hold to the vendor's call seconds would count it twice."""
    assert dbt_raw.rows(
        built.first,
        "select talk_seconds, hold_seconds, acw_seconds, transfers_out, cold_transfers_out"
        " from marts.fct_handled_segments where call_id = 1418 order by leg_id",
    ) == [
        {"talk_seconds": 27, "hold_seconds": 5, "acw_seconds": 8, "transfers_out": 1, "cold_transfers_out": 1},
        {"talk_seconds": 80, "hold_seconds": 0, "acw_seconds": 6, "transfers_out": 0, "cold_transfers_out": 0},
    ]  # fmt: skip


def test_marts_of_the_documented_example(built: Built) -> None:
    """The vendor's own example: a verdict of its own, and a transfer whose status never moved on."""
    levels = dbt_raw.rows(
        built.first,
        "select queue_name, interval_start_at, offered, answered_in_sl, service_level, service_level_vendor"
        " from marts.mart_service_level where local_date = date '2016-02-19' order by queue_id",
    )
    at = dt.datetime(2016, 2, 19, 18, 30, tzinfo=dt.UTC)
    shared = {"interval_start_at": at, "offered": 1, "answered_in_sl": 1, "service_level": 1.0}
    assert levels == [
        {"queue_name": "Deathstar/Shipping", "service_level_vendor": 1.0, **shared},
        {"queue_name": "Deathstar/Returns", "service_level_vendor": 0.0, **shared},
    ]
    assert dbt_raw.rows(
        built.first,
        "select agent_id, direction, handled_segments, handled_calls, handle_seconds, average_handle_time,"
        " short_call_rate, hold_rate from marts.mart_agent_handle_time"
        " where local_date = date '2016-02-19' order by agent_id",
    ) == [
        {"agent_id": 5, "direction": "inbound", "handled_segments": 1, "handled_calls": 1, "handle_seconds": 46,
         "average_handle_time": 46.0, "short_call_rate": 1.0, "hold_rate": 1.0},
        {"agent_id": 12, "direction": "inbound", "handled_segments": 1, "handled_calls": 1, "handle_seconds": 22,
         "average_handle_time": 22.0, "short_call_rate": 0.0, "hold_rate": 0.0},
    ]  # fmt: skip


def test_unknown_words_are_kept_and_warned_of(built: Built) -> None:
    """The vendor adds values without notice; a refused build would lose the day's numbers."""
    assert dbt_raw.rows(
        built.first,
        "select status, call_type, direction, fail_reason, deflection, is_ended from marts.fct_calls"
        " where call_id = 2005",
    ) == [
        {"status": "transmogrified", "call_type": "Voice Inbound (Satellite)", "direction": "inbound",
         "fail_reason": "eu_bored", "deflection": "to_the_moon", "is_ended": True}
    ]  # fmt: skip
    warned = {name.split(".")[2] for name, status in built.results.items() if status == "warn"}
    assert warned == {
        "listed_call_status", "listed_call_type", "listed_call_fail_reason", "listed_call_deflection"
    }  # fmt: skip
    assert dbt_raw.rows(
        built.first, "select is_listed from marts.dim_call_types where call_type like '%Satellite%'"
    ) == [{"is_listed": False}]


def test_late_changes_reach_the_facts_incrementally(built: Built) -> None:
    """Changed, shrunken, emptied, vanished and new calls, and a load finished after it was cut."""
    segments = dbt_raw.rows(
        built.incremental,
        "select call_id, count(*) as segments, max(wait_seconds) as longest from marts.fct_queue_segments"
        " where call_id > 2000 group by call_id order by call_id",
    )
    assert [tuple(row.values()) for row in segments] == [
        (2001, 1, 61), (2002, 1, 9), (2005, 2, 18), (2006, 2, 18), (3001, 2, 18)
    ]  # fmt: skip
    handled = dbt_raw.rows(
        built.incremental,
        "select call_id, count(*) as segments from marts.fct_handled_segments"
        " where call_id > 2000 group by call_id order by call_id",
    )
    assert [tuple(row.values()) for row in handled] == [
        (2001, 2), (2002, 1), (2005, 2), (2006, 2), (3001, 2)
    ]  # fmt: skip


def test_restatements_name_what_moved_and_because_of_which_calls(built: Built) -> None:
    """A number somebody has reported changes, and nobody can say why."""
    moved = dbt_raw.rows(
        built.incremental,
        "select interval_start_at, metric, value_before, value_after, cause, call_ids, changed_fields"
        " from marts.mart_restatements where queue_id = 4 and metric in ('answered', 'service_level')"
        " order by interval_start_at, metric",
    )
    march = dt.datetime(2026, 3, 23, 20, tzinfo=dt.UTC)
    late = "segment added; segment removed; wait_seconds, service_level_event"
    assert [tuple(row.values()) for row in moved] == [
        (march, "answered", 5.0, 4.0, "data", "2001, 2003, 2006", late),
        (march, "service_level", 1.0, 0.75, "data", "2001, 2003, 2006", late),
        (march + dt.timedelta(days=1), "answered", 0.0, 1.0, "data", "3001", "segment added"),
        (march + dt.timedelta(days=1), "service_level", None, 1.0, "data", "3001", "segment added"),
    ]


def test_history_grows_only_when_something_changed_and_outlives_a_full_refresh(built: Built) -> None:
    """The last build, a full refresh over the same rows, found nothing new and forgot nothing."""
    query = "select build_number, count(*) as versions from history.published_queue_segments group by 1 order by 1"
    first, incremental, full = (
        [tuple(row.values()) for row in dbt_raw.rows(path, query)]
        for path in (built.first, built.incremental, built.full)
    )
    assert first == [(1, 14)]
    assert incremental == full == [(1, 14), (2, 11)]


def test_names_are_kept_as_they_were_beside_those_of_now(built: Built) -> None:
    """A renamed queue or agent must not rewrite the reports of the days before."""
    versions = dbt_raw.rows(
        built.incremental,
        "select queue_name as name, valid_to, is_current from marts.dim_queue_versions where queue_id = 4"
        " union all select agent_name, valid_to, is_current from marts.dim_agent_versions where agent_id = 5"
        " order by name desc",
    )
    march = dt.datetime(2026, 3, 24, 20, tzinfo=dt.UTC)
    assert [tuple(row.values()) for row in versions] == [
        ("va-escalation_menu_id", march.replace(minute=14, second=29), False),
        ("escalations", None, True),
        ("Jane Smith", march.replace(minute=12, second=51), False),
        ("Jane Doe", None, True),
    ]
    then = dbt_raw.rows(
        built.incremental,
        "select queue_name, queue_name_then from marts.mart_service_level_reconciliation where queue_id = 4"
        " order by local_date",
    )
    assert [tuple(row.values()) for row in then] == [
        ("escalations", "va-escalation_menu_id"),
        ("escalations", "escalations"),
    ]


@pytest.mark.parametrize("table", [*FACTS, *DERIVED])
def test_incremental_equals_full_refresh(built: Built, table: str) -> None:
    """Row for row, every column: orphans, doubles and stale rows all show."""
    incremental = dbt_raw.rows(built.incremental, f"from marts.{table} order by all")
    assert incremental
    assert incremental == dbt_raw.rows(built.full, f"from marts.{table} order by all")


def test_incremental_build_leaves_untouched_calls_alone(built: Built) -> None:
    """Else it would be a full build under another name."""
    assert built.mark == "nobody"


def test_changed_setting_reaches_old_rows_without_a_full_refresh(built: Built) -> None:
    """A zone that applied to new calls only would split a day in two, in silence."""
    query = "select local_date, is_short_call from marts.fct_handled_segments where call_id = 1418 order by leg_id"
    march = dt.date(2026, 3, 23)
    assert [tuple(row.values()) for row in dbt_raw.rows(built.full, query)] == [
        (march, False),
        (march, False),
    ]
    later = dt.date(2026, 3, 24)
    assert [tuple(row.values()) for row in dbt_raw.rows(built.again, query)] == [
        (later, True),
        (later, False),
    ]


def test_a_rule_with_a_date_changes_nothing_before_it(built: Built) -> None:
    """All rows are computed again under the new rules; a number that was reported stays what it was."""
    query = (
        # dates are cut in the zone, which holds for all time
        "select * exclude (rules_fingerprint, local_date, entered_queue_local) from marts.fct_queue_segments"
        " where year(entered_queue_at) = {} order by all"
    )
    before, after = (dbt_raw.rows(path, query.format(2016)) for path in (built.full, built.again))
    # By the vendor's verdicts it would be one of the two.
    assert [row["is_in_governed_numerator"] for row in before] == [True, True]
    assert after == before
    formulas = {row["governed_formula"] for row in dbt_raw.rows(built.again, query.format(2026))}
    assert formulas == {"service_level_vendor"}


def test_first_build_ran_every_test_and_failed_none(built: Built) -> None:
    """Counts, so that a test lost by a renamed file is missed."""
    kinds = [name.split(".")[0] for name in built.results]
    ran = {
        status for name, status in built.results.items() if not name.startswith(("saved_query.", "exposure."))
    }
    assert ran <= {"success", "pass", "warn"}
    assert kinds.count("unit_test") >= 26
    assert kinds.count("test") >= 125


def test_every_column_is_described_and_none_is_made_up(built: Built) -> None:
    """A description of a column that went is worse than none."""
    described = {
        (node["schema"], node["name"], name.lower())
        for node in built.manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
        for name, column in node["columns"].items()
        if column["description"]
    }
    schemas = "('staging', 'intermediate', 'marts', 'history', 'seeds')"
    query = "select table_schema, table_name, column_name from information_schema.columns"
    found = dbt_raw.rows(built.again, f"{query} where table_schema in {schemas}")
    assert {tuple(row.values()) for row in found} == described


def test_documentation_is_whole_and_tells_nothing_of_callers_or_this_machine(built: Built) -> None:
    """It is mailed around as one file, to people who may see neither."""
    missing = [name for name in (*FACTS, *PUBLIC) if f'"model.callmart.{name}"' not in built.page]
    assert missing == []
    assert "To combine rows, sum the parts and divide" in built.page
    assert "TIMESTAMP WITH TIME ZONE" in built.page
    assert str(REPOSITORY) not in built.page
    assert str(built.full.parent) not in built.page
    personal = " union ".join(
        f"select cast({column.name} as varchar) as value from ccaip.{table}"
        for (table, _), column in personal_columns().items()
        if table in TABLES
    )
    people = {row["value"] for row in dbt_raw.rows(built.full, personal)} - {None}
    assert len(people) > 20
    assert {value for value in people if len(value) > 5 and value in built.page} == set()


def test_types_in_the_documentation_come_from_an_empty_copy(built: Built, tmp_path: Path) -> None:
    """Of every table and view, so that dbt needs to open no warehouse and can show no row."""
    shape = tmp_path / "shape.duckdb"
    copy_shape(built.full, shape)
    columns = (
        "select table_schema, table_name, column_name, data_type from information_schema.columns order by all"
    )
    assert dbt_raw.rows(shape, columns) == dbt_raw.rows(built.full, columns)
    assert dbt_raw.rows(shape, "from marts.fct_calls") == []


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_formulas_of_the_page_are_those_of_the_marts(built: Built, metric: Metric) -> None:
    """In each row of each public mart that shows the metric beside its parts."""
    marts = [mart for mart, columns in PUBLIC.items() if {metric.name, *metric.columns} <= columns]
    assert marts or metric.name == "interval_sl_compliance"  # of mart_queue_days, which is not listed
    for mart in marts or ["mart_queue_days"]:
        wrong = f"from marts.{mart} where {metric.name} is distinct from {metric.sql}"
        assert dbt_raw.rows(built.full, wrong) == []


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_queries_of_the_page_run(built: Built, query: str) -> None:
    """They are pasted by people who trust them; the marts of a few calls answer all but "yesterday"."""
    assert dbt_raw.rows(built.incremental, query) or "max(local_date) - 1" in query


@pytest.mark.parametrize("guard", FAULTS)
def test_guards_see_the_fault_they_stand_for(built: Built, guard: str) -> None:
    """A test that cannot fail guards nothing: a comparison with NULL has hidden such faults before."""
    assert guard in built.failing


@pytest.mark.parametrize("mart", PUBLIC)
def test_public_marts_keep_their_columns(built: Built, mart: str) -> None:
    """Dashboards name them: one that goes or is renamed breaks a page nobody here can see."""
    found = dbt_raw.rows(
        built.first,
        "select column_name, data_type from information_schema.columns"
        f" where table_schema = 'marts' and table_name = '{mart}'",
    )
    assert {row["column_name"] for row in found} == PUBLIC[mart]
    types = {row["column_name"]: row["data_type"] for row in found}
    ratios = [
        name
        for name in types
        if name.startswith(("service_level", "average_")) or name.endswith("_rate")
        if not name.endswith(("_numerator", "_denominator"))
    ]
    assert {types[name] for name in ratios} <= {"DOUBLE"}
