"""A rebuild must not be needed for the numbers to be right: by increments they are the same, row for row."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.increments import on_postgres
from tests.increments.histories import history
from tests.increments.rebuild import TABLES, Outcome, rebuild
from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop
from tests.postgres import PostgresServer

pytestmark = pytest.mark.slow

SEEDS = (5,)
"""One that moves all that is asked for below; `make increments` takes many more."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="module")
def outcomes(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Outcome]:
    work = tmp_path_factory.mktemp("increments")
    empty = work / WAREHOUSE
    dbt_raw.create_raw(empty)
    return {seed: rebuild(workshop, empty, work / str(seed), history(seed, increments=1)) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_increments_equal_a_full_refresh(outcomes: dict[int, Outcome], seed: int) -> None:
    """Every row of every model: an orphan, a double or a stale row is a number that is wrong for good."""
    assert outcomes[seed].differences == []


@pytest.mark.long
def test_increments_equal_a_full_refresh_on_postgres(
    postgres_server: PostgresServer, postgres_database: str, tmp_path: Path
) -> None:
    """An index or a form of a macro that is wrong there alone; `make increments DESTINATION=postgres` takes more histories.

    The short form is `tests/marts/test_postgres.py`: every cell equals DuckDB's after an increment.
    """
    workshop = on_postgres.PostgresWorkshop(tmp_path / "workshop", postgres_server, postgres_database)
    assert on_postgres.rebuild(workshop, tmp_path / "history", history(SEEDS[0], increments=1)) == []


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


def test_an_increment_replaces_no_other_days_than_those_that_changed(
    outcomes: dict[int, Outcome], workshop: Workshop, tmp_path: Path
) -> None:
    """Else it would be a full build under another name. Two calls months ago; rows of January are gone, February changes."""
    database = Path(shutil.copy(outcomes[SEEDS[0]].incremental, tmp_path / WAREHOUSE))
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "insert into seeds.business_hours (iso_weekday, opens_at, closes_at)"
            " select number, '09:00', '17:00' from range(1, 8) as days (number)"
        )
    dbt_raw.land(database, "months ago", [_dated(7_000_001, "2026-01-10"), _dated(7_000_002, "2026-02-10")])
    workshop.build(database, select=TABLES)
    by_day = [
        (
            f"{node.schema}.{node.name}",
            _of_day(node.config.meta, "2026-01-10"),
            _of_day(node.config.meta, "2026-02-10"),
        )
        for node in workshop.manifest.nodes.values()
        if node.resource_type == "model"
        and node.config.incremental_strategy in ("replace_days", "append_changes")
        and node.name != "dim_business_hours"  # opening hours do not change with a call
    ]
    with duckdb.connect(str(database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for relation, january, february in by_day:
            assert connection.execute(f"delete from {relation} where {january}").fetchone() != (0,), relation
            connection.execute(f"delete from {relation} where {february}")
    changed = _dated(7_000_002, "2026-02-10")
    changed["handle_durations"][0]["acw_duration"] += 1
    dbt_raw.land(database, "a change", [changed])
    workshop.build(database, select=TABLES)
    for relation, january, february in by_day:
        assert dbt_raw.rows(database, f"from {relation} where {january}") == [], relation
        assert dbt_raw.rows(database, f"from {relation} where {february}"), relation


def _dated(call_id: int, date: str) -> dict[str, Any]:
    """The vendor's payload on another date, with a session of a virtual agent and a while in the menus."""
    body = json.dumps(dbt_raw.fixture("real_call_1418.json")).replace("2026-03-23T", f"{date}T")
    call: dict[str, Any] = json.loads(body) | {"id": call_id}
    at = {"started_at": f"{date}T20:00:00Z", "ended_at": f"{date}T20:01:00Z"}
    call["virtual_agent_handle_durations"] = [at | {"menu_path_id": 4}]
    call["consumer_in_menu_durations"] = [at | {"duration": 60}]
    return call


def _of_day(meta: dict[str, Any], date: str) -> str:
    """The condition of a model's rows of a date (UTC)."""
    column = meta["dated_by"]
    return f"cast({column} as date) = date '{date}'"
