"""When a scheduled run would leave the marts as they are although something has changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.home import Home
from pipelines.marts import last_build as module
from pipelines.marts.last_build import (
    current_build,
    forget_build,
    limits_of_tests,
    record_build,
    sources_of,
)
from pipelines.progress import SilentProgress
from pipelines.runs import utc_now
from pipelines.settings import Settings
from pipelines.warehouse.load import load_new
from tests.empty import with_warehouse
from tests.extraction.living import START, LivingCalls, a_call, seconds
from tests.queries import change
from tests.tenant import settings_for, tenant

QUIET = SilentProgress()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Settings]:
    """A home with a call that is an hour old, its marts on record as built."""
    home = with_warehouse(Home(tmp_path_factory.mktemp("built") / "home"))
    calls = LivingCalls()
    calls.put(START - seconds(3600), a_call(1))
    with tenant(calls, START) as platform:
        settings = settings_for(platform, home, START - timedelta(days=1))
        load_new(settings, home, QUIET)
    sources = sources_of(home, settings)
    assert sources
    record_build(home, sources)
    return home, settings


def test_a_load_that_brings_no_call_leaves_the_marts_as_they_are(loaded) -> None:
    home, settings = loaded
    with tenant(LivingCalls(), START + timedelta(minutes=15)) as platform:
        load_new(replace(settings, base_url=platform.base_url), home, QUIET)
    assert current_build(home, sources_of(home, settings))


@pytest.mark.parametrize(
    "statement",
    [
        "update ccaip.calls set _dlt_load_id = '1.5'",
        "update ccaip.calls set updated_at = updated_at + interval 1 day",
        "delete from ccaip.calls",
        "insert into ccaip.vanished_calls (call_id, noticed_at, _dlt_load_id) values (1, now(), '')",
        "insert into ccaip.erasures (erasure_id, asked_at, _dlt_load_id) values ('a', now(), '')",
        "insert into ccaip.rejected_calls (call_key, _dlt_load_id) values ('7', '')",
        "update ccaip.load_windows set verdict = 'short'",
    ],
)
def test_no_change_of_the_raw_rows_is_taken_for_none(statement, loaded, tmp_path) -> None:
    home, settings = loaded
    copy = tmp_path / "callmart.duckdb"
    copy.write_bytes(settings.warehouse.read_bytes())
    settings = replace(settings, warehouse=copy)
    before = sources_of(home, settings)
    change(copy, statement)
    assert sources_of(home, settings) != before


def test_other_definitions_are_built(loaded, tmp_path, monkeypatch) -> None:
    home, settings = loaded
    assert (
        current_build(home, sources_of(home, replace(settings, reporting_timezone="Europe/Berlin"))) is None
    )
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "service_level_targets.csv").write_text("queue_id,seconds\n")
    monkeypatch.setattr(module, "PROJECT_DIR", tmp_path)
    assert current_build(home, sources_of(home, settings)) is None


def test_a_seed_of_the_homes_own_is_built(loaded) -> None:
    home, settings = loaded
    home.seeds_dir.mkdir()
    (home.seeds_dir / "holidays.csv").write_text("queue_id,holiday_date,holiday_name,opens_at,closes_at\n")
    assert current_build(home, sources_of(home, settings)) is None
    (home.seeds_dir / "holidays.csv").unlink()
    assert current_build(home, sources_of(home, settings))


def test_data_tests_are_limited_only_after_a_build_that_passed_with_these_definitions(loaded) -> None:
    """Else an error that one run reports would be gone in the next."""
    home, settings = loaded
    sources = sources_of(home, settings)
    assert sources
    limited, whole = {"CALLMART_TESTS_LOOK_AT": "touched"}, {"CALLMART_TESTS_LOOK_AT": "everything"}
    assert limits_of_tests(home, sources) == limited
    assert limits_of_tests(home, replace(sources, rows="other")) == limited
    assert limits_of_tests(home, replace(sources, definitions="other")) == whole
    assert limits_of_tests(home, sources, everything=True) == whole
    forget_build(home)
    assert limits_of_tests(home, sources) == whole
    record_build(home, sources)


def test_an_hour_without_calls_does_not_leave_readers_in_doubt_how_far_the_data_reach(
    loaded, monkeypatch
) -> None:
    home, settings = loaded
    monkeypatch.setattr(module, "utc_now", lambda: utc_now() + timedelta(minutes=61))
    assert current_build(home, sources_of(home, settings)) is None


@pytest.mark.parametrize("text", ["", "[]", '{"finished_at": "today", "sources": {}}'])
def test_a_damaged_record_is_none(text: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.activate()
    (home.root / "var" / "dbt" / "last_build.json").write_text(text)
    assert module.last_build(home) is None
    forget_build(home)
    assert module.last_build(home) is None
