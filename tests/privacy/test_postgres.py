"""On Postgres: the same access report as on DuckDB, and no command that changes what it cannot change wholly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.errors import ConfigurationError
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.warehouse.access_report import access_report
from pipelines.warehouse.erase import forget, preview
from pipelines.warehouse.find_person import Subject
from pipelines.warehouse.retry import retry
from pipelines.warehouse.rotate_key import missing_parts
from tests.privacy.callers import ADA_PHONE, KEY, loaded
from tests.warehouse.copying import copy_raw_tables

ADA = Subject("identifier", ADA_PHONE)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with loaded(tmp_path_factory.mktemp("asked") / "home") as machine:
        yield machine


@pytest.fixture
def on_postgres(machine, postgres_server, postgres_database) -> Settings:
    here = Settings(machine.home.warehouse, privacy_key=KEY)
    there = replace(here, destination="postgres", credentials=postgres_server.credentials(postgres_database))
    copy_raw_tables(machine.home.warehouse, there)
    return there


def test_the_access_report_holds_the_same(machine, on_postgres):
    here = Settings(machine.home.warehouse, privacy_key=KEY)
    assert access_report(on_postgres, ADA) == access_report(here, ADA)


def test_a_preview_counts_the_same_rows(machine, on_postgres):
    here = Settings(machine.home.warehouse, privacy_key=KEY)
    there, here_ = preview(on_postgres, ADA, "anonymous"), preview(here, ADA, "anonymous")
    assert there.rows == here_.rows
    assert there.rows["calls"] > 0


@pytest.mark.parametrize("command", ["forget", "rejected", "rotate"])
def test_what_does_not_work_there_is_refused_before_anything_is_changed(command, machine, tmp_path):
    given = {"host": "127.0.0.1", "port": 1, "username": "u", "database": "d"}
    settings = Settings(
        tmp_path / "unused.duckdb", destination="postgres", credentials=given, privacy_key=KEY
    )
    run = {
        "forget": lambda: forget(settings, machine.home, SilentProgress(), ADA, "anonymous"),
        "rejected": lambda: retry(settings, machine.home, SilentProgress()),
        "rotate": lambda: missing_parts(machine.home, settings, KEY),
    }[command]
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        run()
    assert not settings.warehouse.exists()
