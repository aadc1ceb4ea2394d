"""What would be lost when a warehouse that an older callmart made is loaded on by this one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from pipelines.ccaip.tables import TABLES
from pipelines.errors import CallmartError
from pipelines.home import Home
from simulator.platform import Platform
from tests.empty import with_warehouse
from tests.extraction.living import START, LivingCalls, a_call, seconds
from tests.extraction.test_load import HOUR, ask, assert_equals_platform, loaded
from tests.tenant import tenant


def make_older(home: Home, *, without: tuple[str, ...]) -> None:
    """Turn tables and dlt's own schema into those of a callmart that had not thought of these `table.column`s."""
    with duckdb.connect(str(home.warehouse)) as connection:
        newest = "select schema, version_hash from ccaip._dlt_version order by inserted_at desc limit 1"
        [(stored, version)] = connection.execute(newest).fetchall()
        schema = json.loads(stored)
        for place in without:
            table, column = place.split(".")
            connection.execute(f"alter table ccaip.{table} drop column {column}")
            connection.execute(f"alter table ccaip_staging.{table} drop column {column}")
            del schema["tables"][table]["columns"][column]
        older = dlt.Schema.from_dict(schema)
        for dataset in ("ccaip", "ccaip_staging"):
            connection.execute(f"delete from {dataset}._dlt_version where version_hash <> '{version}'")
            connection.execute(
                f"update {dataset}._dlt_version set schema = ?, version_hash = ?, version = ?",
                [json.dumps(older.to_dict()), older.version_hash, older.version],
            )
        connection.execute("update ccaip._dlt_loads set schema_version_hash = ?", [older.version_hash])


def with_a_photo(call_id: int, photo: Any) -> dict[str, Any]:
    return a_call(call_id, photos=[{"id": photo}], videos=[{"id": photo}])


def one_call() -> LivingCalls:
    calls = LivingCalls()
    calls.put(START + seconds(1), with_a_photo(1, 701))
    return calls


@pytest.fixture
def calls() -> LivingCalls:
    return one_call()


@pytest.fixture(scope="module")
def warehouse_with_a_call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse that has loaded the call. Not to be written to."""
    home = with_warehouse(Home(tmp_path_factory.mktemp("one call")))
    with tenant(one_call(), START + HOUR) as platform:
        loaded(platform, home)
    return home.warehouse


@pytest.fixture
def platform(calls: LivingCalls, serve: Any, home: Home, warehouse_with_a_call: Path) -> Platform:
    """The calls, which `home` has loaded. An hour later there is more to load."""
    shutil.copy(warehouse_with_a_call, home.warehouse)
    platform: Platform = serve(calls)
    platform.clock.set(START + 2 * HOUR)
    return platform


def test_a_warehouse_of_callmart_0_1_is_refused_with_the_mend_and_left_as_it_is(platform, home):
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("alter table ccaip.calls drop column _dlt_id")
    with pytest.raises(CallmartError, match=r"made by callmart 0\.1") as refused:
        loaded(platform, home)
    assert "Move it away" in refused.value.mend
    assert ask(home, "select id from ccaip.calls") == [(1,)]


def test_columns_that_are_new_since_are_made_and_filled(calls, platform, home):
    make_older(home, without=("load_windows.oldest_new_at", "calls.rating", "photos.url"))
    new = with_a_photo(2, 702) | {"rating": 5}
    new["photos"][0]["url"] = "https://photos.example/702"
    calls.put(START + HOUR + seconds(1), new)
    assert loaded(platform, home).problems == []
    assert ask(home, "select id, rating from ccaip.calls order by 1") == [(1, None), (2, 5)]
    assert_equals_platform(home, calls.truth(platform.clock.now()))
    oldest = "select count(*) from ccaip.load_windows where oldest_new_at is not null and why = 'tail'"
    assert ask(home, oldest) == [(1,)]


LATELY_KNOWN: dict[str, dict[str, Any]] = {
    "calls": {"in_queue_wait_time_va": 4, "automation_redirection": "none"},
    "participants": {"finished_at": "2026-03-02T08:01:00.000Z", "chat_duration": 7},
    "recordings": {"ended_at": "2026-03-02T08:01:00.000Z"},
    "transfers": {"started_at": "2026-03-02T08:01:00.000Z", "transfer_status": "transferred"},
    "deflection_details": {
        "id": 5, "call_id": 2, "transfer_id": 6, "deflection": "temp_redirection_queue",
        "from_menu_path": {"items_count": 1, "name": "Sales", "materialized_path": "9"},
    },
}  # fmt: skip
for _table in ("consumer_handle_durations", "virtual_agent_handle_durations"):
    LATELY_KNOWN[_table] = {
        "chat_duration": 1, "message_count": 2, "response_count": 3, "response_time_total": 4.5,
        "response_time_max": 2, "response_time_avg": 1.5,
    }  # fmt: skip


def test_fields_that_became_known_later_fill_their_columns_in_a_warehouse_without_them(calls, platform, home):
    """`deflection_details` was one column of JSON then, which stays as it is."""
    added = [
        f"{table}.{column.name}"
        for table, fields in LATELY_KNOWN.items()
        for column in TABLES[table].columns
        if column.path[0] in fields and (table, column.name) != ("virtual_agent_handle_durations", "response_count")
    ]  # fmt: skip
    make_older(home, without=tuple(added))
    with duckdb.connect(str(home.warehouse)) as connection:
        for dataset in ("ccaip", "ccaip_staging"):
            connection.execute(f"alter table {dataset}.deflection_details add column element json")
    rows = {table: [fields] for table, fields in LATELY_KNOWN.items() if table != "calls"}
    known = a_call(2, subStatus="Finished: Disconnected by agent", **LATELY_KNOWN["calls"], **rows)
    calls.put(START + HOUR + seconds(1), known)
    report = loaded(platform, home)
    assert (report.problems, report.rejected, dict(report.new_drift)) == ([], 0, {})
    assert ask(home, "select id, sub_status from ccaip.calls order by 1") == [
        (1, None),
        (2, known["subStatus"]),
    ]
    with duckdb.connect(str(home.warehouse)) as connection:
        for dataset in ("ccaip", "ccaip_staging"):
            connection.execute(f"alter table {dataset}.deflection_details drop column element")
    assert_equals_platform(home, calls.truth(platform.clock.now()))
