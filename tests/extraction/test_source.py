"""What somebody would lose who runs the dlt source alone, with dlt and nothing else of callmart.

Real local platform, real dlt, on DuckDB and, where it is installed, on a real Postgres.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.ccaip import between, ccaip
from pipelines.ccaip.schema import declare
from pipelines.ccaip.settings import PrivacyConfiguration
from pipelines.ccaip.tables import RECORDS, SOURCE, TABLES, Privacy
from pipelines.errors import ConfigurationError, QualityError
from pipelines.home import REPOSITORY, Home
from tests.empty import with_warehouse
from tests.extraction.living import START, LivingCalls, a_call, seconds
from tests.extraction.test_client import Refusing
from tests.extraction.test_explode import expected_rows, landed
from tests.tenant import TOKEN, USER, tenant

HOUR = timedelta(hours=1)
KEEP: Any = {class_.value: "keep" for class_ in Privacy if class_ is not Privacy.NONE}

ON_DUCKDB = pytest.mark.parametrize("pipeline", ["duckdb with tables"], indirect=True)
"""For what does not depend on the destination. Creating the tables takes longer than the rest of these tests."""


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.long)])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], dlt.Pipeline]]:
    """Make a pipeline that works in the folder of a name; all of them load into one destination."""
    Home(tmp_path / "home").activate()
    with _destination(request, tmp_path) as destination:
        yield lambda folder: dlt.pipeline(
            SOURCE, destination=destination, dataset_name=SOURCE, pipelines_dir=str(tmp_path / folder)
        )


@contextmanager
def _destination(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "duckdb with tables":
        yield dlt.destinations.duckdb(str(with_warehouse(Home(tmp_path / "home")).warehouse))
        return
    if request.param == "duckdb":
        yield dlt.destinations.duckdb(str(tmp_path / "calls.duckdb"))
        return
    server = request.getfixturevalue("postgres_server")
    with server.database() as name:
        url = server.url(name).replace("+psycopg2", "")
        yield dlt.destinations.postgres(credentials=url)


@pytest.fixture
def calls() -> LivingCalls:
    calls = LivingCalls()
    for call_id in range(1, 6):
        calls.put(START + seconds(call_id), a_busy_call(call_id))
    return calls


def a_busy_call(call_id: int) -> dict[str, Any]:
    return a_call(
        call_id,
        transfers=[{"id": 1}, {"id": 2}],
        handle_durations=[{"id": 1, "call_duration": 60}, {"id": 2, "acw_duration": 5}],
        recordings=[{"id": 1, "redaction_times": [{"duration": 1.5}, {"duration": 2.5}]}, {"id": 2}],
    )


def source_of(platform: Any, **more: Any) -> Any:
    """The source, pointed at a platform; everything personal lands as it came."""
    settings = {
        "base_url": platform.base_url,
        "username": USER,
        "api_token": TOKEN,
        "start_date": START.replace(hour=0),
        "requests_per_second": 100_000.0,
        "privacy": PrivacyConfiguration(**KEEP),
    }
    return ccaip(**settings | more)


def rows_of(pipeline: dlt.Pipeline, query: str) -> list[tuple[Any, ...]]:
    with pipeline.sql_client() as client, client.execute_query(query) as cursor:
        return [tuple(_comparable(value) for value in row) for row in cursor.fetchall()]


def _comparable(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def assert_equals_platform(pipeline: dlt.Pipeline, truth: dict[int, dict[str, Any]]) -> None:
    """Every row of every table, no extra, none stale, none twice; and each linked to its call."""
    for table in TABLES.values():
        names = [column.name for column in (*table.key_columns, *table.columns)] + ["_extra"]
        keys = ", ".join(f'"{name}"' for name in table.key)
        listed = ", ".join(f'"{name}"' for name in names)
        found = rows_of(pipeline, f"select {listed} from {SOURCE}.{table.name} order by {keys}")
        rows = [landed(table, dict(zip(names, row, strict=True))) for row in found]
        expected = [row for _, call in sorted(truth.items()) for row in expected_rows(table, call)]
        assert rows == expected, table.name
        if table.parent:
            orphans = f"select count(*) from {SOURCE}.{table.name} where _dlt_parent_id not in (select _dlt_id from {SOURCE}.{table.parent})"
            assert rows_of(pipeline, orphans) == [(0,)], table.name


def cursor_of(pipeline: dlt.Pipeline) -> str:
    return pipeline.state["sources"][SOURCE]["resources"]["windows"]["incremental"]["until"]["last_value"]


def test_increments_bring_what_is_new_mend_what_was_rejected_and_keep_the_newest_version(
    pipeline, serve, calls
):
    """Four runs in a row, because the first one takes long: it creates the tables."""
    calls.put(START + seconds(9), a_call(9, transfers="none"))
    platform = serve(calls)
    platform.clock.advance(HOUR)

    def readable() -> dict[int, dict[str, Any]]:
        truth = calls.truth(platform.clock.now())
        return {call_id: call for call_id, call in truth.items() if call_id != 9}

    first, rejected = pipeline("one"), f"select call_key, attempt from {SOURCE}.rejected_calls"
    assert first.run(source_of(platform)).loads_ids
    assert_equals_platform(first, readable())
    assert rows_of(first, rejected) == [("9", 1)]
    for table in (*TABLES.values(), *RECORDS):
        assert rows_of(first, f"select count(*) from {SOURCE}.{table.name}")
    assert not first.run(source_of(platform)).loads_ids  # nothing is new, and nothing is written

    moment = platform.clock.now()
    calls.put(moment, a_busy_call(1) | {"transfers": [{"id": 2}]})
    calls.put(moment, a_busy_call(2) | {"transfers": [], "handle_durations": None, "recordings": []})
    calls.put(moment, a_busy_call(6))
    calls.put(moment, a_call(9, transfers="still none"))
    platform.clock.advance(HOUR)
    # another machine, or a container without its folder: dlt takes the cursor from the destination
    second = pipeline("two")
    second.run(source_of(platform))
    assert_equals_platform(second, readable())
    assert rows_of(second, rejected) == [("9", 2)]
    ((new,),) = rows_of(second, f"select sum(new_versions) from {SOURCE}.load_windows")
    assert int(new) == 8  # five, then three: what the overlap brings again is not new

    with second.sql_client() as client:
        client.execute_sql(
            f"update {SOURCE}.calls set updated_at = '2026-03-02 09:30:00+00', lang = 'de' where id = 1"
        )
    second.run(source_of(platform, until=between(START, START + HOUR)))
    newer = f"select lang from {SOURCE}.calls where id = 1"
    assert rows_of(second, newer) == [("de",)]
    ledger = rows_of(second, f"select landed, superseded from {SOURCE}.load_windows where why = 'backfill'")
    assert ledger == [(5, 1)]

    calls.put(platform.clock.now(), a_call(9))
    platform.clock.advance(HOUR)
    second.run(source_of(platform))
    assert rows_of(second, rejected) == []
    assert rows_of(second, f"select count(*) from {SOURCE}.calls") == [(7,)]
    assert rows_of(second, newer) == [("de",)]


@ON_DUCKDB
def test_packages_of_a_few_calls_are_loaded_one_by_one_until_nothing_is_left(pipeline, serve, calls):
    for call_id in range(6, 150):
        calls.put(START + seconds(call_id), a_call(call_id))
    platform = serve(calls)
    platform.clock.advance(HOUR)
    source, here, packages = source_of(platform, calls_per_package=1), pipeline("one"), 0
    while here.run(source).loads_ids:
        packages += 1
    assert packages >= 2  # the news and, alone, what is dated in the future
    assert_equals_platform(here, calls.truth(platform.clock.now()))


@ON_DUCKDB
def test_a_package_that_was_extracted_and_not_loaded_is_finished_by_the_next_run(pipeline, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    pipeline("one").extract(source_of(platform))
    again = pipeline("one")
    while again.run(source_of(platform)).loads_ids:
        pass
    assert_equals_platform(again, calls.truth(platform.clock.now()))
    assert rows_of(again, f"select count(*) from {SOURCE}.load_windows where verdict <> 'complete'") == [(0,)]


@ON_DUCKDB
def test_a_backfill_leaves_the_cursor_and_newer_versions_alone(pipeline, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    here = pipeline("one")
    here.run(source_of(platform, start_date=START + seconds(4)))
    cursor = cursor_of(here)
    assert rows_of(here, f"select id from {SOURCE}.calls order by id") == [(4,), (5,)]
    here.run(source_of(platform, until=between(START, START + seconds(3))))
    assert cursor_of(here) == cursor
    assert_equals_platform(here, calls.truth(platform.clock.now()))


@ON_DUCKDB
def test_drift_in_a_fatal_field_loads_nothing(pipeline, serve, calls):
    calls.put(START + seconds(9), a_call(9, status="levitating"))
    platform = serve(calls)
    platform.clock.advance(HOUR)
    here = pipeline("one")
    with pytest.raises(PipelineStepFailed) as failed:
        here.run(source_of(platform, fatal_drift=["calls.status"]))
    causes = [failed.value]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    assert any(isinstance(cause, QualityError) for cause in causes)
    here.run(source_of(platform))
    assert rows_of(here, f"select count(*) from {SOURCE}.calls") == [(6,)]


@ON_DUCKDB
def test_nothing_personal_is_loaded_by_default_and_another_key_is_refused(pipeline, serve, calls, tmp_path):
    calls.put(START + seconds(9), a_call(9, end_user={"id": 7, "identifier": "+14155550123"}))
    platform = serve(calls)
    platform.clock.advance(HOUR)
    here = pipeline("one")
    here.run(source_of(platform, privacy=PrivacyConfiguration(key="a key of some length")))
    ((identifier,),) = rows_of(here, f"select end_user__identifier from {SOURCE}.calls where id = 9")
    assert identifier.startswith("pn_")
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert b"4155550123" not in file.read_bytes(), file
    calls.put(platform.clock.now(), a_call(10))
    platform.clock.advance(HOUR)
    with pytest.raises(PipelineStepFailed, match="not the one this warehouse was loaded with"):
        here.run(source_of(platform, privacy=PrivacyConfiguration(key="another key of some length")))
    with pytest.raises(ConfigurationError, match="no key for pseudonyms"):
        source_of(platform, privacy=PrivacyConfiguration())


def test_a_missing_setting_is_named_and_a_variable_username_of_the_machine_is_not_taken(
    monkeypatch, tmp_path
):
    Home(tmp_path).activate()
    monkeypatch.setenv("USERNAME", "desktop")
    with pytest.raises(ConfigFieldMissingException, match="SOURCES__CCAIP__USERNAME"):
        ccaip(base_url="http://127.0.0.1:1", api_token="t")


def test_an_api_that_asks_for_a_long_pause_is_not_waited_for(tmp_path, calls):
    Home(tmp_path / "home").activate()
    destination = dlt.destinations.duckdb(str(tmp_path / "calls.duckdb"))
    pipeline = dlt.pipeline(SOURCE, destination=destination, dataset_name=SOURCE, pipelines_dir=str(tmp_path))
    with (
        tenant(calls, START + HOUR, faults=Refusing(429, "2")) as platform,
        pytest.raises(PipelineStepFailed, match=r"longest_retry_after_seconds is 1\)"),
    ):
        pipeline.run(source_of(platform, longest_retry_after_seconds=1.0))


@pytest.mark.parametrize("destination", ["duckdb", "postgres"])
def test_the_lines_of_the_readme_load_what_is_new_and_the_second_time_nothing(
    destination, request, serve, calls, tmp_path
):
    """With dlt's own settings, in a folder of its own, by a Python that has callmart's package and nothing set up."""
    platform = serve(calls)
    platform.clock.advance(HOUR)
    (lines,) = re.findall(
        r"^```py\n(.*?)^```$", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY),
        "DLT_DATA_DIR": str(tmp_path / "dlt"),
        "SOURCES__CCAIP__BASE_URL": platform.base_url,
        "SOURCES__CCAIP__USERNAME": USER,
        "SOURCES__CCAIP__API_TOKEN": TOKEN,
        "PRIVACY__KEY": "a key of some length",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    with ExitStack() as stack:
        if destination == "postgres":
            lines = lines.replace('dlt.destinations.duckdb("calls.duckdb")', '"postgres"')
            server = request.getfixturevalue("postgres_server")
            url = server.url(stack.enter_context(server.database())).replace("+psycopg2", "")
            environment["DESTINATION__POSTGRES__CREDENTIALS"] = url
        printed = [
            subprocess.run(
                [sys.executable, "-c", lines],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout
            for _ in range(2)
        ]
    assert "1 load package(s) were loaded" in printed[0], printed[0]
    assert "0 load package(s) were loaded" in printed[1], printed[1]


def test_dlt_still_asks_a_nested_table_for_its_resource():
    """When this fails dlt has changed, and `_NestedTable` of pipelines/ccaip/schema.py can go."""
    schema = dlt.Schema(SOURCE)
    declare(schema, "dlt.destinations.duckdb")
    stored = schema.to_dict()["tables"]
    assert "resource" not in stored["transfers"]
    assert schema.get_table("transfers")["resource"] == "calls"


@pytest.mark.parametrize("pipeline", ["duckdb"], indirect=True)
def test_a_run_killed_while_it_loads_is_finished_by_the_next(pipeline, serve, calls, tmp_path):
    """kill -9 at every stage of dlt's run, as its log says it."""
    platform = serve(calls)
    platform.clock.advance(HOUR)
    program = f"""
import os, signal, sys
from datetime import datetime
import dlt
from pipelines.home import Home
from pathlib import Path
Home(Path({str(tmp_path / "home")!r})).activate()
from pipelines.ccaip import ccaip
from pipelines.ccaip.settings import PrivacyConfiguration
pipeline = dlt.pipeline("ccaip", destination=dlt.destinations.duckdb({str(tmp_path / "calls.duckdb")!r}),
    dataset_name="ccaip", pipelines_dir={str(tmp_path / "one")!r})
def die(): os.kill(os.getpid(), signal.SIGKILL)
pipeline.extract(ccaip(base_url={platform.base_url!r}, username={USER!r}, api_token={TOKEN!r}, start_date="2026-03-02",
    requests_per_second=100000.0, privacy=PrivacyConfiguration(**{KEEP!r})))
if sys.argv[1] == "extract": die()
pipeline.normalize()
if sys.argv[1] == "normalize": die()
import threading
threading.Timer(float(sys.argv[2]), die).start()
pipeline.load()
"""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    for stage, delay in (("extract", "0"), ("normalize", "0"), ("load", "0.05"), ("load", "0.4")):
        subprocess.run(
            [sys.executable, "-c", program, stage, delay], env=environment, check=False, timeout=120
        )
    here = pipeline("one")
    while here.run(source_of(platform)).loads_ids:
        pass
    assert_equals_platform(here, calls.truth(platform.clock.now()))
    assert not here.has_pending_data
