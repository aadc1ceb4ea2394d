"""What others have lost in the same tools, each once: rows behind a cursor, texts compared, pages that end early.

Traps that have tests elsewhere: arrays that empty, two versions in one package, a dataset named like its
file, a warehouse somebody else has open (`extraction/test_load`, `cli/test_settings`); calls dated
ahead (`test_faults_in_time`); the `Date` header (`test_faults_answers`).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.responses import Response

from pipelines.errors import ApiError
from pipelines.home import REPOSITORY
from simulator.platform import Clock
from tests.extraction.conftest import TOKEN, USER
from tests.extraction.living import START, LivingCalls, a_call, seconds, stamp
from tests.keeping import KEEP_EVERYTHING
from tests.storm.weather import DatedCalls, Weather, assert_read

HOUR = timedelta(hours=1)


class Refusing:
    """Answers 429 from its `first` answer (counted from 1) on, for `count` of them."""

    def __init__(self, first: int, count: int) -> None:
        self._refused = range(first, first + count)
        self.answers = 0

    def strike(self, answer: Response, clock: Clock) -> Response:
        self.answers += 1
        if self.answers not in self._refused:
            return answer
        return Response(b"[]", 429, {"Date": answer.headers["Date"]}, "application/json")


def some_calls(count: int) -> LivingCalls:
    calls = LivingCalls()
    for call_id in range(1, count + 1):
        calls.put(START + seconds(call_id), a_call(call_id, transfers=[{"id": call_id}]))
    return calls


def test_a_row_one_second_behind_the_cursor_is_not_filtered_out(tmp_path):
    calls = DatedCalls()
    calls.put(START, a_call(1))
    with Weather(tmp_path, calls, START + HOUR) as weather:
        until = weather.load(settle_seconds=0).until
        calls.put(START + HOUR + seconds(1), a_call(2, updated_at=stamp(until - seconds(1))))
        weather.load(START + HOUR + seconds(2), settle_seconds=0)
        weather.assert_holds(calls.truth(START + 2 * HOUR))


def test_a_changed_body_is_not_taken_for_known_by_its_equal_updated_at(tmp_path):
    calls = LivingCalls()
    calls.put(START, a_call(1, rating=1, transfers=[{"id": 1}, {"id": 2}]))
    with Weather(tmp_path, calls, START + seconds(120)) as weather:
        weather.load()
        calls.history.clear()
        calls.put(START, a_call(1, rating=2, transfers=[{"id": 1}]))
        weather.load(START + seconds(180))
        weather.assert_holds(calls.truth(START + seconds(180)))


def test_fractions_and_offsets_are_compared_as_instants_and_not_as_text(tmp_path):
    written = (
        "2026-03-02T08:00:00Z",
        "2026-03-02T08:00:00.500Z",  # as text before the one above
        "2026-03-02T13:30:01+05:30",  # as text after all below
        "2026-03-02T01:00:02.000-07:00",
        "2026-03-02T08:00:03Z",
        "2026-03-01T23:00:04.250-09:00",
        "2026-03-02T08:00:05",
    )
    calls = DatedCalls()
    for call_id, updated_at in enumerate(written, 1):
        calls.put(START, a_call(call_id, updated_at=updated_at))
    with Weather(tmp_path, calls, START + seconds(120), per_page=2) as weather:
        assert_read(weather.read(), calls.truth(START + seconds(120)))


def test_a_newer_version_that_is_smaller_as_text_is_not_taken_for_the_older(tmp_path):
    calls = DatedCalls()
    calls.put(START, a_call(1, rating=1, updated_at="2026-03-02T22:00:00+14:00"))
    calls.put(START + seconds(300), a_call(1, rating=2, updated_at="2026-03-02T01:05:00-07:00"))
    with Weather(tmp_path, calls, START + seconds(120)) as weather:
        weather.load()
        weather.load(START + seconds(600))
        weather.assert_holds(calls.truth(START + seconds(600)))


def test_a_429_in_the_middle_of_a_load_does_not_end_its_pages(tmp_path):
    calls = some_calls(200)
    refusing = Refusing(first=6, count=3)
    with Weather(tmp_path, calls, START + HOUR, refusing, per_page=20) as weather:
        packages = weather.read()
        assert refusing.answers > 9
        assert_read(packages, calls.truth(START + HOUR))


def test_429s_that_do_not_end_are_an_error_and_move_no_cursor(tmp_path):
    calls = some_calls(200)
    refusing = Refusing(first=6, count=60)
    with Weather(tmp_path, calls, START + HOUR, refusing, per_page=20) as weather:
        with pytest.raises(ApiError, match="429"):
            weather.load()
        refusing.answers = 100
        weather.load()
        weather.assert_holds(calls.truth(START + HOUR))


def test_the_ids_that_dlt_links_rows_by_stay_the_same_when_a_call_is_loaded_again(tmp_path):
    ids = "select _dlt_id from ccaip.calls order by all"
    with Weather(tmp_path, some_calls(3), START + HOUR) as weather:
        weather.load()
        before = weather.ask(ids)
        assert before and len({row[0] for row in before}) == len(before)
        weather.platform.clock.advance(HOUR)
        weather.load()
        assert weather.ask(
            "select count(distinct _dlt_load_id) from ccaip.load_windows where landed > 0"
        ) == [(2,)]
        assert weather.ask(ids) == before


def test_a_scheduler_without_home_path_or_utc_lands_the_same_rows_at_the_same_instants(tmp_path):
    calls = some_calls(3)
    with Weather(tmp_path, calls, START + HOUR) as weather:
        command = Path(sys.executable).with_name("callmart")
        done = subprocess.run(
            [command, "--project-dir", weather.home.root, "load"],
            cwd="/",
            env={
                "TZ": "America/New_York",
                "SOURCES__CCAIP__BASE_URL": weather.platform.base_url,
                "SOURCES__CCAIP__USERNAME": USER,
                "SOURCES__CCAIP__API_TOKEN": TOKEN,
                "SOURCES__CCAIP__START_DATE": "2026-03-02",
                **KEEP_EVERYTHING,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        weather.assert_holds(calls.truth(START + HOUR))


def test_the_session_that_writes_and_the_one_that_reads_are_in_utc(tmp_path, monkeypatch):
    ask_for_zone = """
import sys
from pathlib import Path
from sqlalchemy import text
from pipelines.warehouse.duckdb_file import writing
from pipelines.settings import Settings
from pipelines.warehouse.connect import reading
warehouse = Path(sys.argv[1])
with writing(warehouse) as connection:
    print(connection.sql("select current_setting('TimeZone')").fetchone()[0])
    print(connection.cursor().sql("select current_setting('TimeZone')").fetchone()[0])
with reading(Settings(warehouse)) as connection:
    print(connection.execute(text("select current_setting('TimeZone')")).scalar())
"""
    monkeypatch.setenv("TZ", "America/New_York")
    done = subprocess.run(
        [sys.executable, "-c", ask_for_zone, tmp_path / "warehouse.duckdb"],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    assert done.stdout.split() == ["UTC"] * 3
    assert "\n        TimeZone: UTC\n" in (REPOSITORY / "dbt_project" / "profiles.yml").read_text()


def test_no_model_counts_seconds_by_the_wall_clock():
    sql = [*(REPOSITORY / "dbt_project").rglob("*.sql")]
    assert sql
    code = {path: re.sub(r"\{#.*?#\}|--[^\n]*", "", path.read_text(), flags=re.DOTALL) for path in sql}
    assert [path.name for path, text in code.items() if re.search(r"\bdatediff\s*\(", text)] == []


def test_the_projects_own_files_switch_telemetry_off():
    config = tomllib.loads((REPOSITORY / ".dlt" / "config.toml").read_text())
    assert config["runtime"]["dlthub_telemetry"] is False
    dbt = (REPOSITORY / "dbt_project" / "dbt_project.yml").read_text()
    assert re.search(r"^flags:\n(  .*\n)*  send_anonymous_usage_stats: false$", dbt, re.MULTILINE)
