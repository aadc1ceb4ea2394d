"""What would be lost, stale or doubled between the API and the warehouse. Real platform, real DuckDB."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.ccaip.client import Client
from pipelines.ccaip.gather import Gatherer
from pipelines.ccaip.tables import TABLES
from pipelines.ccaip.tailing import tail
from pipelines.ccaip.windows import Window
from pipelines.errors import ApiError, ConfigurationError, LockedError
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.warehouse import load
from pipelines.warehouse.connection import writing
from pipelines.warehouse.load import LoadReport, backfill, load_new
from tests.extraction.conftest import settings_for
from tests.extraction.living import START, LivingCalls, a_call, seconds
from tests.extraction.test_explode import expected_rows, landed

QUIET = SilentProgress()
HOUR = timedelta(hours=1)


def loaded(platform, home, **settings: Any) -> LoadReport:
    from dataclasses import replace

    return load_new(replace(settings_for(platform, home), **settings), home, QUIET)


def ask(home: Home, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(query).fetchall()


def assert_equals_platform(home: Home, truth: dict[int, dict[str, Any]]) -> None:
    """Every row of every table, no extra, none stale, none twice."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        for table in TABLES.values():
            found = connection.execute(
                f"select * exclude (_dlt_load_id) from ccaip.{table.name} order by {', '.join(table.key)}"
            )
            names = [column[0] for column in found.description]
            rows = [landed(table, dict(zip(names, row, strict=True))) for row in found.fetchall()]
            expected = [row for _, call in sorted(truth.items()) for row in expected_rows(table, call)]
            assert rows == expected, table.name


def a_busy_call(call_id: int) -> dict[str, Any]:
    return a_call(
        call_id,
        transfers=[{"id": 1}, {"id": 2}],
        handle_durations=[{"id": 1, "call_duration": 60}, {"id": 2, "acw_duration": 5}],
        recordings=[{"id": 1, "redaction_times": [{"duration": 1.5}, {"duration": 2.5}]}, {"id": 2}],
    )


@pytest.fixture
def calls() -> LivingCalls:
    calls = LivingCalls()
    for call_id in range(1, 6):
        calls.put(START + seconds(call_id), a_busy_call(call_id))
    return calls


def test_the_first_load_makes_every_table_typed_even_the_empty_ones(home, serve):
    platform = serve(LivingCalls())
    platform.clock.advance(HOUR)
    report = loaded(platform, home)
    assert (report.calls, report.chunks) == (0, 1)
    tables = dict(
        ask(home, "select table_name, column_count from duckdb_tables() where schema_name = 'ccaip'")
    )
    for table in TABLES.values():
        assert tables[table.name] == len(table.key_columns) + len(table.columns) + 3, table.name
    types = dict(
        ask(home, "select column_name, data_type from duckdb_columns() where table_name = 'handle_durations'")
    )
    assert types["started_at"] == "TIMESTAMP WITH TIME ZONE"
    assert (types["call_duration"], types["barged"], types["_extra"]) == ("BIGINT", "BOOLEAN", "JSON")


def test_arrays_that_shrink_or_empty_leave_no_stale_row(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    assert loaded(platform, home).calls == 5
    assert_equals_platform(home, calls.truth(platform.clock.now()))
    moment = platform.clock.now()
    calls.put(moment, a_busy_call(1) | {"transfers": [{"id": 2}]})
    calls.put(moment, a_busy_call(2) | {"transfers": [], "handle_durations": None})
    calls.put(moment, a_busy_call(3) | {"recordings": [{"id": 1, "redaction_times": []}]})
    calls.put(moment, {"id": 4, "status": "finished"})
    platform.clock.advance(HOUR)
    loaded(platform, home)
    assert_equals_platform(home, calls.truth(platform.clock.now()))


def test_a_second_load_asks_for_what_is_new_and_a_little_before(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    first = loaded(platform, home)
    calls.put(START + 2 * HOUR, a_call(99))
    platform.clock.set(START + 3 * HOUR)
    second = loaded(platform, home, overlap_seconds=600)
    assert second.since == first.until - seconds(600)
    assert second.calls == 1
    assert_equals_platform(home, calls.truth(platform.clock.now()))


def test_a_load_with_nothing_new_asks_no_calls(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    loaded(platform, home)
    before = platform.stats.requests
    report = loaded(platform, home)
    assert (report.calls, report.since) == (0, None)
    assert platform.stats.requests - before == 1  # the server's clock


def test_a_call_that_becomes_visible_late_is_caught_by_the_overlap(home, serve, calls):
    platform = serve(calls)
    platform.clock.set(START + HOUR)
    first = loaded(platform, home)
    late = first.until - seconds(20)
    calls.put(START + HOUR + seconds(30), a_call(77, updated_at=late.strftime("%Y-%m-%dT%H:%M:%SZ")))
    calls.history[77][0] = (late, calls.history[77][0][1])
    platform.clock.set(START + 2 * HOUR)
    loaded(platform, home)
    assert ask(home, "select count(*) from ccaip.calls where id = 77") == [(1,)]


def test_another_machine_with_an_empty_working_folder_goes_on_from_the_warehouse(
    home, serve, calls, tmp_path
):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    first = loaded(platform, home)
    other = Home(tmp_path / "other")
    other.activate()
    shutil.copy(home.warehouse, other.warehouse)
    calls.put(START + 2 * HOUR, a_call(99))
    platform.clock.set(START + 3 * HOUR)
    second = loaded(platform, other, warehouse=other.warehouse)
    assert second.since == first.until - timedelta(minutes=30)
    assert_equals_platform(other, calls.truth(platform.clock.now()))


def test_a_load_that_dies_before_landing_moves_no_cursor_and_loses_nothing(home, serve, calls, monkeypatch):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
        broken.setattr(load, "land", lambda *_: 1 / 0)
        loaded(platform, home)
    assert loaded(platform, home).since == START.replace(hour=0)
    assert_equals_platform(home, calls.truth(platform.clock.now()))


def test_a_package_left_behind_is_landed_before_anything_new_is_asked(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    settings = settings_for(platform, home)
    window = Window(START, START + seconds(600))
    with Client(settings) as client, Gatherer() as gatherer, writing(home.warehouse) as connection:
        with QUIET.stage("") as stage:
            chunk = gatherer.gather(window, tail(client, window), stage)
        pipeline = load.open_pipeline(home, connection)
        pipeline.extract(load.ccaip(chunk.tables, window.until), loader_file_format="parquet")
        # … and here the machine is switched off
    calls.put(START + 2 * HOUR, a_call(99))
    platform.clock.set(START + 3 * HOUR)
    report = loaded(platform, home)
    assert report.since == window.until - timedelta(minutes=30)
    assert_equals_platform(home, calls.truth(platform.clock.now()))


def test_a_bad_call_is_kept_whole_with_its_reason_and_let_go_when_it_is_mended(home, serve, calls):
    platform = serve(calls)
    bad = a_call(50, rating=2.5, custom_data_secured={"deep": [1, 2]})
    calls.put(START, bad)
    platform.clock.advance(HOUR)
    report = loaded(platform, home)
    assert (report.calls, report.rejected) == (5, 1)
    ((key, reason, body, since),) = ask(
        home, "select call_key, reason, body, window_from from ccaip.rejected_calls"
    )
    assert (key, reason) == ("50", "rating: expected a whole number")
    assert json.loads(body)["custom_data_secured"] == {"deep": [1, 2]}
    assert since == START.replace(hour=0)
    calls.put(platform.clock.now(), bad | {"rating": 2})
    platform.clock.advance(HOUR)
    loaded(platform, home)
    assert ask(home, "select count(*) from ccaip.rejected_calls") == [(0,)]
    assert ask(home, "select rating from ccaip.calls where id = 50") == [(2,)]


def test_a_backfill_reads_the_past_again_and_leaves_the_cursor_alone(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    first = loaded(platform, home)
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("delete from ccaip.calls; delete from ccaip.transfers")
    report = backfill(settings_for(platform, home), home, QUIET, START, START + HOUR)
    assert report.calls == 5
    assert_equals_platform(home, calls.truth(platform.clock.now()))
    platform.clock.advance(HOUR)
    assert loaded(platform, home).since == first.until - timedelta(minutes=30)


def test_many_chunks_land_the_same_as_one(home, serve, monkeypatch):
    calls = LivingCalls()
    for call_id in range(1, 400):
        calls.put(START + seconds(call_id // 3), a_busy_call(call_id))
    platform = serve(calls)
    platform.clock.advance(HOUR)
    monkeypatch.setattr("pipelines.warehouse.load.CALLS_PER_WINDOW", 150)
    report = loaded(platform, home)
    assert report.chunks >= 3
    assert_equals_platform(home, calls.truth(platform.clock.now()))


def test_a_call_that_moves_between_batches_keeps_its_newest_version_alone(home, serve, monkeypatch):
    calls = LivingCalls()
    for call_id in range(1, 120):
        calls.put(START + seconds(call_id), a_busy_call(call_id))
    platform = serve(calls)
    platform.clock.set(START + seconds(200))
    monkeypatch.setattr("pipelines.ccaip.gather._BATCH", 50)
    moved = a_busy_call(3) | {"transfers": []}
    with Client(settings_for(platform, home)) as client, Gatherer() as gatherer, QUIET.stage("") as stage:

        def pages():
            for number, page in enumerate(tail(client, Window(START, START + seconds(400)))):
                yield page
                if number == 0:
                    calls.put(START + seconds(300), moved)
                    platform.clock.set(START + seconds(500))

        chunk = gatherer.gather(Window(START, START + seconds(400)), pages(), stage)
    assert chunk.tables["calls"]["id"].to_pylist().count(3) == 1
    transfers = [row for row in chunk.tables["transfers"].to_pylist() if row["call_id"] == 3]
    assert [row["_deleted"] for row in transfers] == [True]


def test_a_warehouse_that_another_program_has_open_is_named_with_the_mend(home, serve, calls, tmp_path):
    import subprocess
    import sys

    platform = serve(calls)
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(home.warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout.readline().strip() == b"open"
        with pytest.raises(LockedError, match=str(other.pid)):
            loaded(platform, home)
    finally:
        other.communicate(b"")


def test_wrong_credentials_stop_at_once_with_the_mend(home, serve, calls):
    platform = serve(calls)
    with pytest.raises(ApiError, match="401") as caught:
        loaded(platform, home, api_token="not-the-token")
    assert "api_token" in caught.value.mend
    assert "not-the-token" not in str(caught.value) + caught.value.mend
    assert platform.stats.requests == 1


def test_a_backfill_that_ends_before_it_starts_says_so(home, serve, calls):
    with pytest.raises(ConfigurationError, match="before it starts"):
        backfill(settings_for(serve(calls), home), home, QUIET, START, START - HOUR)


def test_the_warehouse_file_is_for_its_owner_alone(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    loaded(platform, home)
    assert Path(home.warehouse).stat().st_mode & 0o077 == 0


def test_nothing_personal_lingers_in_the_staging_dataset(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    loaded(platform, home)
    counted = ask(
        home,
        "select sum(estimated_size) from duckdb_tables() where schema_name = 'ccaip_staging' and table_name not like '_dlt%'",
    )
    assert counted == [(0,)]
