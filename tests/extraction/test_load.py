"""What would be lost, stale or doubled between the API and the warehouse. Real platform, real DuckDB."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import dlt
import duckdb
import pytest
from sqlalchemy import text

from pipelines.ccaip import ccaip
from pipelines.ccaip.client import Client
from pipelines.ccaip.package import Package, Parser, package_of
from pipelines.ccaip.privacy.policy import KEEP_ALL, PrivacyFilter
from pipelines.ccaip.reader import Reader
from pipelines.ccaip.settings import PrivacyConfiguration
from pipelines.ccaip.tables import TABLES, Privacy
from pipelines.ccaip.tail import tail
from pipelines.ccaip.windows import Window, parse_instant
from pipelines.errors import ApiError, ConfigurationError, LockedError
from pipelines.home import Home
from pipelines.progress import PlainProgress, SilentProgress
from pipelines.warehouse import duckdb_file
from pipelines.warehouse.load import LoadReport, backfill, load_new
from pipelines.warehouse.loader import Loader
from simulator.platform import Platform
from tests import queries
from tests.empty import with_warehouse
from tests.extraction.conftest import TOKEN, USER, settings_for
from tests.extraction.living import START, LivingCalls, a_call, seconds
from tests.extraction.test_explode import expected_rows, landed
from tests.storm.killing import kill_at_stage
from tests.tenant import tenant

pytestmark = pytest.mark.slow

QUIET = SilentProgress()
KEEP = PrivacyConfiguration(**{each.value: "keep" for each in Privacy if each is not Privacy.NONE})
HOUR = timedelta(hours=1)


def read_window(client: Client, window: Window) -> Package:
    """The only package of a window."""
    with Reader(client, [window], privacy=PrivacyFilter(KEEP_ALL)) as reader:
        (package,) = reader.packages()
        return package


def loaded(platform, home, **settings: Any) -> LoadReport:
    return load_new(replace(settings_for(platform, home), **settings), home, QUIET)


def ask(home: Home, query: str) -> list[tuple[Any, ...]]:
    return queries.ask(home.warehouse, query)


def assert_equals_platform(home: Home, truth: dict[int, dict[str, Any]]) -> None:
    """Every row of every table, no extra, none stale, none twice."""
    with queries.opened(home.warehouse) as connection:
        for table in TABLES.values():
            found = connection.execute(
                f"select columns(c -> not starts_with(c, '_dlt_')) from ccaip.{table.name} order by {', '.join(table.key)}"
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
    return five_calls()


def five_calls() -> LivingCalls:
    calls = LivingCalls()
    for call_id in range(1, 6):
        calls.put(START + seconds(call_id), a_busy_call(call_id))
    return calls


@pytest.fixture(scope="module")
def warehouse_with_calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse that loaded `calls` an hour after START. Not to be written to."""
    home = with_warehouse(Home(tmp_path_factory.mktemp("five calls")))
    with tenant(five_calls(), START + HOUR) as platform:
        assert loaded(platform, home).calls == 5
    return home.warehouse


@pytest.fixture
def loaded_home(home: Home, warehouse_with_calls: Path) -> Home:
    """A home with a copy of that warehouse; a load at the same time would find nothing new."""
    shutil.copy(warehouse_with_calls, home.warehouse)
    return home


@pytest.fixture(scope="module")
def first_load(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home after its first load, without calls. Not to be written to."""
    home = Home(tmp_path_factory.mktemp("first load"))
    home.activate()
    with tenant(LivingCalls(), START + HOUR) as platform:
        report = loaded(platform, home)
    assert (report.calls, report.packages) == (0, 1)
    return home


def test_the_first_load_makes_every_table_typed_even_the_empty_ones(first_load):
    tables = dict(
        ask(first_load, "select table_name, column_count from duckdb_tables() where schema_name = 'ccaip'")
    )
    for table in TABLES.values():
        assert tables[table.name] == len(table.key_columns) + len(table.columns) + (6 if table.parent else 3)
    types = dict(
        ask(
            first_load,
            "select column_name, data_type from duckdb_columns() where table_name = 'handle_durations'",
        )
    )
    assert types["started_at"] == "TIMESTAMP WITH TIME ZONE"
    assert (types["call_duration"], types["barged"], types["_extra"]) == ("BIGINT", "BOOLEAN", "JSON")


def test_arrays_that_shrink_or_empty_leave_no_stale_row(loaded_home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    assert_equals_platform(loaded_home, calls.truth(platform.clock.now()))
    moment = platform.clock.now()
    calls.put(moment, a_busy_call(1) | {"transfers": [{"id": 2}]})
    calls.put(moment, a_busy_call(2) | {"transfers": [], "handle_durations": None})
    calls.put(moment, a_busy_call(3) | {"recordings": [{"id": 1, "redaction_times": []}]})
    calls.put(moment, {"id": 4, "status": "finished"})
    platform.clock.advance(HOUR)
    loaded(platform, loaded_home)
    assert_equals_platform(loaded_home, calls.truth(platform.clock.now()))


def test_a_second_load_asks_for_what_is_new_and_a_little_before(loaded_home, serve, calls):
    platform = serve(calls)
    calls.put(START + 2 * HOUR, a_call(99))
    platform.clock.set(START + 3 * HOUR)
    second = loaded(platform, loaded_home, overlap_seconds=600)
    assert second.since == START + seconds(5) - seconds(600)  # a little before the last change seen
    assert second.until > START + HOUR
    assert_equals_platform(loaded_home, calls.truth(platform.clock.now()))


def test_a_load_with_nothing_new_asks_no_calls(loaded_home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    before = platform.stats.requests
    report = loaded(platform, loaded_home)
    assert (report.calls, report.since) == (0, None)
    assert platform.stats.requests - before == 1  # the server's clock


def test_a_load_that_brings_nothing_new_moves_the_cursor_and_fills_the_ledger_without_dlt(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    loaded(platform, home)
    loads = ask(home, "select count(*) from ccaip._dlt_loads")
    trace = home.pipelines_dir / "ccaip" / "trace.pickle"
    assert trace.exists()
    platform.clock.advance(2 * HOUR)
    quiet = loaded(platform, home)
    assert (quiet.calls, quiet.problems) == (0, [])
    assert ask(home, "select count(*) from ccaip._dlt_loads") == loads
    assert trace.exists()  # `dlt pipeline ccaip trace` still shows the last load
    last = "select why, verdict, distinct_calls, landed from ccaip.load_windows where load_id is null order by why"
    assert ask(home, last) == [
        (why, "complete", n, n) for why, n in (("future", 0), ("overlap", 5), ("tail", 0))
    ]
    with Loader(settings_for(platform, home), home) as loader:
        assert loader.cursor and loader.cursor.until == quiet.until


def test_a_change_that_kept_its_time_is_loaded_though_nothing_else_is_new(loaded_home, serve, calls):
    platform = serve(calls)
    calls.put(START + seconds(2), a_busy_call(2) | {"transfers": [{"id": 2}]})
    platform.clock.advance(2 * HOUR)
    assert loaded(platform, loaded_home).calls == 5
    assert_equals_platform(loaded_home, calls.truth(platform.clock.now()))


def test_a_call_that_becomes_visible_late_is_caught_by_the_overlap(loaded_home, serve, calls):
    platform = serve(calls)
    ((until,),) = ask(loaded_home, "select max(window_until) from ccaip.load_windows where why = 'tail'")
    late = until.astimezone(UTC) - seconds(20)
    calls.put(START + HOUR + seconds(30), a_call(77, updated_at=late.strftime("%Y-%m-%dT%H:%M:%SZ")))
    calls.history[77][0] = (late, calls.history[77][0][1])
    platform.clock.set(START + 2 * HOUR)
    loaded(platform, loaded_home)
    assert ask(loaded_home, "select count(*) from ccaip.calls where id = 77") == [(1,)]


def test_another_machine_with_an_empty_working_folder_goes_on_from_the_warehouse(
    loaded_home, serve, calls, tmp_path
):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    other = Home(tmp_path / "other")
    other.activate()
    shutil.copy(loaded_home.warehouse, other.warehouse)
    calls.put(START + 2 * HOUR, a_call(99))
    platform.clock.set(START + 3 * HOUR)
    second = loaded(platform, other, warehouse=other.warehouse)
    assert second.since == START + seconds(5) - timedelta(minutes=30)
    assert_equals_platform(other, calls.truth(platform.clock.now()))


def test_a_load_that_dies_before_landing_moves_no_cursor_and_loses_nothing(home, serve, calls, monkeypatch):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
        broken.setattr(Loader, "load", lambda *_: 1 / 0)
        loaded(platform, home)
    assert loaded(platform, home).since == START.replace(hour=0)
    assert_equals_platform(home, calls.truth(platform.clock.now()))


def left_behind(platform: Platform, home: Home) -> list[Path]:
    """dlt's files of a load that was switched off when all was extracted and nothing loaded."""
    pipeline = dlt.pipeline(
        "ccaip",
        destination=dlt.destinations.duckdb(str(home.warehouse)),
        dataset_name="ccaip",
        pipelines_dir=str(home.pipelines_dir),
    )
    pipeline.extract(
        ccaip(
            base_url=platform.base_url,
            username=USER,
            api_token=TOKEN,
            start_date=START,
            privacy=KEEP,
        )
    )
    assert pipeline.has_pending_data
    return [file for file in home.pipelines_dir.rglob("*.json") if file.is_file()]


def test_a_cursor_that_was_left_behind_does_not_hide_what_never_landed(new_home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    assert left_behind(platform, new_home)
    assert loaded(platform, new_home).since == START.replace(hour=0)
    assert_equals_platform(new_home, calls.truth(platform.clock.now()))


def test_a_working_folder_that_is_damaged_blocks_nothing(new_home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    for file in left_behind(platform, new_home):
        file.write_bytes(b"not what dlt wrote")
    loaded(platform, new_home)
    assert_equals_platform(new_home, calls.truth(platform.clock.now()))


def refuse_reasons(home: Home, *, refuse: bool) -> None:
    """Make the warehouse refuse every transfer with a reason, as a disk or a server might; or take them again."""
    with duckdb.connect(str(home.warehouse)) as connection:
        type_ = "integer" if refuse else "varchar"
        connection.execute(f"alter table ccaip.transfers alter column fail_reason type {type_}")


def test_a_load_that_fails_in_the_warehouse_leaves_neither_rows_nor_cursor_nor_a_complete_load(
    loaded_home, serve, calls
):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    kept = "select max(load_id), count(*) from ccaip._dlt_loads"
    before = ask(loaded_home, kept)
    calls.put(platform.clock.now(), a_call(99, transfers=[{"id": 1, "fail_reason": "refused"}]))
    platform.clock.advance(HOUR)
    refuse_reasons(loaded_home, refuse=True)
    assert loaded(platform, loaded_home).problems
    assert ask(loaded_home, kept) == before
    assert ask(loaded_home, "select count(*) from ccaip.calls where id = 99") == [(0,)]
    refuse_reasons(loaded_home, refuse=False)
    assert not loaded(platform, loaded_home).problems
    assert_equals_platform(loaded_home, calls.truth(platform.clock.now()))


def test_a_load_of_many_packages_does_not_keep_in_memory_all_that_it_has_loaded(
    home, serve, calls, monkeypatch
):
    """DuckDB holds what is in its log alone in memory, up to the limit at which a load fails; dlt allows 1 GB."""
    small = tuple(
        "set checkpoint_threshold = '1kB'" if "checkpoint" in each else each for each in duckdb_file.SESSION
    )
    monkeypatch.setattr(duckdb_file, "SESSION", small)
    platform = serve(calls)
    platform.clock.advance(HOUR)
    window = Window(START, START + seconds(600), why="backfill")
    log = home.warehouse.with_suffix(".duckdb.wal")
    settings = settings_for(platform, home)
    with (
        Client(**settings.api) as client,
        Loader(settings, home) as loader,
    ):
        loader.load(read_window(client, window), platform.clock.now())
        assert not log.exists()


def test_dlt_itself_takes_the_warehouse_over_with_its_schema_and_cursor(new_home, serve, calls, tmp_path):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    report = loaded(platform, new_home)
    pipeline = dlt.pipeline(
        "ccaip",
        destination=dlt.destinations.duckdb(str(new_home.warehouse)),
        dataset_name="ccaip",
        pipelines_dir=str(tmp_path / "elsewhere"),
    )
    pipeline.sync_destination()
    state = pipeline.state["sources"]["ccaip"]["resources"]["windows"]["incremental"]["until"]
    assert parse_instant(state["last_value"]) == report.until
    assert set(TABLES) < set(pipeline.default_schema.tables)
    assert pipeline.dataset().calls.select("id").arrow().num_rows == 5


def test_an_answer_from_a_copy_that_lags_does_not_overwrite_a_newer_version(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    with Client(**settings_for(platform, home).api) as client:
        old = read_window(client, Window(START, START + HOUR, why="backfill"))
    calls.put(platform.clock.now(), a_busy_call(1) | {"transfers": []})
    platform.clock.advance(HOUR)
    loaded(platform, home)
    with Loader(settings_for(platform, home), home) as loader:
        result = loader.load(old, platform.clock.now() + HOUR)
    assert (result.calls, result.problems) == (4, [])
    assert_equals_platform(home, calls.truth(platform.clock.now()))
    assert ask(
        home, "select distinct_calls, landed, superseded from ccaip.load_windows where why = 'backfill'"
    ) == [(5, 4, 1)]


def by_hand(loader: Loader, *statements: str) -> None:
    for statement in statements:
        loader.connection.execute(text(statement))
    loader.connection.commit()


def test_a_package_that_is_not_wholly_there_after_loading_is_loaded_again_and_told(
    home, serve, calls, monkeypatch
):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    run, runs = Loader._run, []  # noqa: SLF001

    def half(loader: Loader, package: Any, horizon: Any) -> Any:
        outgoing = run(loader, package, horizon)
        runs.append(outgoing)
        if len(runs) <= broken_runs:
            by_hand(
                loader,
                "delete from ccaip.transfers where call_id = 2",
                "insert into ccaip.handle_durations from ccaip.handle_durations where call_id = 3 and idx = 0",
            )
        return outgoing

    monkeypatch.setattr(Loader, "_run", half)
    broken_runs = 1
    assert loaded(platform, home).problems == []
    assert_equals_platform(home, calls.truth(platform.clock.now()))
    broken_runs = len(runs) + 2
    calls.put(START + seconds(6), a_busy_call(1))  # a package without changes would not be loaded
    platform.clock.advance(seconds(10))
    report = loaded(platform, home)
    assert report.problems == [
        "3 windows differ in the warehouse from what was sent; the next load requests them again."
    ]
    ((note,),) = ask(
        home, "select distinct note from ccaip.load_windows where verdict = 'mismatch' and why = 'overlap'"
    )
    assert note == (
        "transfers: 10 rows sent, 8 in the warehouse, 8 of them distinct; handle_durations: 10 rows sent, 11 in the warehouse, 10 of them distinct"
    )
    platform.clock.advance(seconds(10))
    assert loaded(platform, home).problems == []
    assert_equals_platform(home, calls.truth(platform.clock.now()))


def test_a_rejected_call_is_counted_once_though_its_package_is_loaded_twice(home, serve, calls, monkeypatch):
    platform = serve(calls)
    calls.put(START, a_call(50, rating=2.5))
    platform.clock.advance(HOUR)
    run, runs = Loader._run, []  # noqa: SLF001

    def without_a_call_at_first(loader: Loader, package: Any, horizon: Any) -> Any:
        runs.append(run(loader, package, horizon))
        if len(runs) == 1:
            by_hand(loader, "delete from ccaip.calls where id = 2")
        return runs[-1]

    monkeypatch.setattr(Loader, "_run", without_a_call_at_first)
    assert loaded(platform, home).problems == []
    assert len(runs) == 2
    assert ask(home, "select call_key, attempt from ccaip.rejected_calls") == [("50", 1)]


def test_a_load_that_fails_does_not_end_with_done(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    told = StringIO()
    with pytest.raises(ApiError):
        load_new(replace(settings_for(platform, home), api_token="wrong"), home, PlainProgress(told))
    assert "load calls: failed" in told.getvalue()
    assert "done" not in told.getvalue()


def test_rows_that_are_stored_under_other_rows_ids_are_noticed_though_their_number_is_right(
    home, serve, calls, monkeypatch
):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    run = Loader._run  # noqa: SLF001

    def swapped(loader: Loader, package: Any, horizon: Any) -> Any:
        outgoing = run(loader, package, horizon)
        by_hand(loader, "update ccaip.handle_durations set call_duration = 61 where call_id = 2 and idx = 0")
        return outgoing

    monkeypatch.setattr(Loader, "_run", swapped)
    assert loaded(platform, home).problems
    assert ask(home, "select distinct note from ccaip.load_windows") == [
        ("handle_durations: the right number of rows, but different contents",)
    ]


def test_a_package_that_cannot_be_loaded_holds_up_no_other_and_is_asked_for_again(home, serve, monkeypatch):
    calls = LivingCalls()
    for call_id in range(1, 400):
        calls.put(START + seconds(call_id), a_busy_call(call_id))
    calls.put(START + seconds(10), a_call(10, transfers=[{"id": 1, "fail_reason": "refused"}]))
    platform = serve(calls)
    platform.clock.advance(HOUR)
    monkeypatch.setattr("pipelines.ccaip.reader.CALLS_PER_WINDOW", 100)
    monkeypatch.setattr("pipelines.warehouse.load.CALLS_PER_PACKAGE", 100)
    refuse_reasons(home, refuse=True)
    report = loaded(platform, home, start_date=START)
    (problem,) = report.problems
    assert problem.endswith("windows could not be loaded; the next load requests them again.")
    there = ask(home, "select count(*), min(id), max(id) from ccaip.calls")
    assert there[0][0] > 190 and there[0][1] > 10 and there[0][2] == 399
    assert ask(home, "select distinct note from ccaip.load_windows where verdict = 'failed'") == [
        ("ConversionException",)
    ]
    refuse_reasons(home, refuse=False)
    platform.clock.advance(seconds(10))
    # without an overlap, which would bring the calls whether their window is asked for again or not
    assert loaded(platform, home, overlap_seconds=0).resumed == int(problem.split()[0])
    assert_equals_platform(home, calls.truth(platform.clock.now()))
    platform.clock.advance(seconds(10))
    assert loaded(platform, home, overlap_seconds=0).resumed == 0


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_backfill_that_was_cut_short_is_taken_up_by_the_next_load_from_anywhere(
    home, serve, monkeypatch, tmp_path, newest_first
):
    calls = LivingCalls()
    for call_id in range(1, 240):
        calls.put(START + seconds(call_id), a_busy_call(call_id))
    platform = serve(calls)
    platform.clock.advance(24 * HOUR)
    later = START + 23 * HOUR
    settings = replace(settings_for(platform, home), start_date=later)
    load_new(settings, home, QUIET)
    monkeypatch.setattr("pipelines.warehouse.load.CALLS_PER_WINDOW", 60)
    monkeypatch.setattr("pipelines.warehouse.load.CALLS_PER_PACKAGE", 60)
    load, results = Loader.load, []

    def twice(*arguments: Any) -> Any:
        if len(results) == 2:
            raise ZeroDivisionError
        results.append(load(*arguments))
        return results[-1]

    with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
        broken.setattr(Loader, "load", twice)
        backfill(settings, home, QUIET, START, START + HOUR, newest_first=newest_first)
    assert 0 < ask(home, "select count(*) from ccaip.calls")[0][0] < 239
    oldest = ask(home, "select min(id) from ccaip.calls")[0][0]
    assert oldest > 10 if newest_first else oldest == 1
    ((left,),) = ask(home, "select min(window_from) from ccaip.load_windows where verdict = 'planned'")
    assert (left > START) != newest_first  # what is loaded is not to be read again
    other = Home(tmp_path / "other")
    other.activate()
    platform.clock.advance(seconds(10))
    assert load_new(settings, other, QUIET).resumed > 0
    assert_equals_platform(home, calls.truth(platform.clock.now()))


def test_every_load_that_brought_rows_is_known_as_complete_a_backfill_too(loaded_home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    platform.clock.advance(seconds(30))
    backfill(settings_for(platform, loaded_home), loaded_home, QUIET, START, START + HOUR)
    rows = " union ".join(
        f"select _dlt_load_id as load_id from ccaip.{name}" for name in (*TABLES, "load_windows")
    )
    assert ask(loaded_home, f"select count(*) > 1 from ({rows})") == [(True,)]
    assert (
        ask(
            loaded_home, f"select * from ({rows}) where load_id not in (select load_id from ccaip._dlt_loads)"
        )
        == []
    )


def test_the_ledger_accounts_for_every_call_that_came(home, serve, calls):
    platform = serve(calls)
    calls.put(START, a_call(50, rating=2.5))
    platform.clock.advance(HOUR)
    loaded(platform, home)
    platform.clock.advance(seconds(30))
    loaded(platform, home)
    rows = ask(
        home,
        """select why, counted_before, counted_after, distinct_calls, landed, rejected, superseded, new_versions,
                  verdict, load_id = _dlt_load_id from ccaip.load_windows order by started_at, window_from""",
    )
    assert sorted(rows) == sorted(
        [
            ("tail", 6, 6, 6, 5, 1, 0, 5, "complete", True),
            ("future", None, None, 0, 0, 0, 0, 0, "complete", True),
            ("overlap", 6, 6, 6, 5, 1, 0, 0, "complete", True),
            ("tail", 0, 0, 0, 0, 0, 0, 0, "complete", True),
            ("future", None, None, 0, 0, 0, 0, 0, "complete", True),
        ]
    )
    ((requests, asked),) = ask(home, "select sum(requests), sum(bytes) > 0 from ccaip.load_windows")
    assert (requests, asked) == (1 + 1 + 1 + 0 + 1, True)


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


def test_a_backfill_reads_the_past_again_and_leaves_the_cursor_alone(loaded_home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    with duckdb.connect(str(loaded_home.warehouse)) as connection:
        connection.execute("delete from ccaip.calls; delete from ccaip.transfers")
    report = backfill(settings_for(platform, loaded_home), loaded_home, QUIET, START, START + HOUR)
    assert report.calls == 5
    assert_equals_platform(loaded_home, calls.truth(platform.clock.now()))
    platform.clock.advance(HOUR)
    assert loaded(platform, loaded_home).since == START + seconds(5) - timedelta(minutes=30)


def test_many_packages_load_the_same_as_one(home, serve, monkeypatch):
    calls = LivingCalls()
    for call_id in range(1, 240):
        calls.put(START + seconds(call_id // 3), a_busy_call(call_id))
    platform = serve(calls)
    platform.clock.advance(HOUR)
    monkeypatch.setattr("pipelines.ccaip.reader.CALLS_PER_WINDOW", 50)
    monkeypatch.setattr("pipelines.warehouse.load.CALLS_PER_PACKAGE", 80)
    report = loaded(platform, home)
    assert report.packages >= 3
    assert_equals_platform(home, calls.truth(platform.clock.now()))


def test_a_call_that_moves_between_batches_keeps_its_newest_version_alone(home, serve, monkeypatch):
    calls = LivingCalls()
    for call_id in range(1, 120):
        calls.put(START + seconds(call_id), a_busy_call(call_id))
    platform = serve(calls)
    platform.clock.set(START + seconds(200))
    monkeypatch.setattr("pipelines.ccaip.package.BATCH", 50)
    moved = a_busy_call(3) | {"transfers": []}
    window = Window(START, START + seconds(400))
    with (
        Client(**settings_for(platform, home).api) as client,
        Parser(PrivacyFilter(KEEP_ALL)) as parser,
    ):

        def pages():
            for number, page in enumerate(tail(client, window)):
                yield page
                if number == 0:
                    calls.put(START + seconds(300), moved)
                    platform.clock.set(START + seconds(500))

        chunk = package_of(parser, pages(), window)
    assert chunk.tables["calls"]["id"].to_pylist().count(3) == 1
    assert 3 not in chunk.tables["transfers"]["call_id"].to_pylist()


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


def test_wrong_credentials_stop_at_once_with_the_mend(new_home, serve, calls):
    platform = serve(calls)
    with pytest.raises(ApiError, match="401") as caught:
        loaded(platform, new_home, api_token="not-the-token")
    assert "api_token" in caught.value.mend
    assert "not-the-token" not in str(caught.value) + caught.value.mend
    assert platform.stats.requests == 1


def test_a_backfill_that_ends_before_it_starts_says_so(home, serve, calls):
    with pytest.raises(ConfigurationError, match="before it starts"):
        backfill(settings_for(serve(calls), home), home, QUIET, START, START - HOUR)


def test_a_load_that_is_stopped_while_dlt_loads_does_not_go_on(home, serve, calls, monkeypatch):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    over = Event()
    stop = partial(os.kill, os.getpid(), signal.SIGTERM)
    watching = (home.pipelines_dir / "ccaip", "copying", stop, over.is_set)
    try:
        Thread(target=kill_at_stage, args=watching, daemon=True).start()
        with pytest.raises(SystemExit):
            loaded(platform, home)
    finally:
        over.set()
        signal.signal(signal.SIGTERM, before)
    assert ask(home, "select count(*) from ccaip.load_windows where verdict = 'failed'") == [(0,)]
    assert not loaded(platform, home).problems
    assert_equals_platform(home, calls.truth(platform.clock.now()))


def test_the_warehouse_file_is_for_its_owner_alone(first_load):
    assert Path(first_load.warehouse).stat().st_mode & 0o077 == 0


def test_nothing_of_a_call_lingers_in_the_working_folder_or_the_staging_tables(home, serve, calls):
    platform = serve(calls)
    calls.put(START, a_call(50, feedback="words that only this caller says"))
    platform.clock.advance(HOUR)
    loaded(platform, home)
    assert not list(home.pipelines_dir.rglob("*.parquet"))
    for file in home.pipelines_dir.rglob("*"):
        assert not file.is_file() or b"only this caller" not in file.read_bytes(), file
    with queries.opened(home.warehouse) as connection:
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'ccaip_staging' and table_name <> '_dlt_version'"
        ).fetchall():
            assert connection.execute(f"select count(*) from ccaip_staging.{name}").fetchone() == (0,), name
