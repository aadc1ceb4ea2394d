"""On Postgres: the same access report as on DuckDB, and no command that changes what it cannot change wholly."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from pipelines.ccaip.privacy.policy import Pseudonyms
from pipelines.errors import ConfigurationError
from pipelines.forget import forget, preview
from pipelines.marts.build import transform
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.warehouse.access_report import access_report
from pipelines.warehouse.connect import raw_table, reading
from pipelines.warehouse.find_person import Subject, find
from pipelines.warehouse.rotate_key import missing_parts
from tests.privacy.callers import ADA_PHONE, KEY, NEEDLES, loaded
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


def test_who_is_forgotten_is_in_no_dump_of_the_database_any_more(machine, on_postgres, postgres_server):
    """Raw tables, what dlt keeps beside them, and every model of the marts."""
    database = on_postgres.credentials["database"]
    transform(machine.home, on_postgres, SilentProgress(), select=["+fct_calls"], with_tests=False)
    dump = postgres_server.dump(database)
    assert [needle for needle in NEEDLES if needle not in dump] == [], "the search sees them"
    before = preview(on_postgres, ADA, "removed")

    report = forget(on_postgres, machine.home, SilentProgress(), ADA, "removed", shared=True)

    assert report.rows == before.rows
    dump = postgres_server.dump(database)
    assert [needle for needle in NEEDLES if needle in dump] == []
    assert "CREATE TABLE marts.mart_service_level" in dump
    with reading(on_postgres) as connection:
        assert not find(connection, ADA, Pseudonyms(KEY)).is_here
        ids = connection.execute(select(raw_table("calls").c.id)).scalars().all()
        assert not set(ids) & set(found_before(machine))
        assert len(ids) > 0


def found_before(machine) -> list[int]:
    with reading(Settings(machine.home.warehouse)) as connection:
        return find(connection, ADA, Pseudonyms(KEY)).calls


@pytest.mark.parametrize("command", ["rotate"])
def test_what_does_not_work_there_is_refused_before_anything_is_changed(command, machine, tmp_path):
    given = {"host": "127.0.0.1", "port": 1, "username": "u", "database": "d"}
    settings = Settings(
        tmp_path / "unused.duckdb", destination="postgres", credentials=given, privacy_key=KEY
    )
    run = {
        "rotate": lambda: missing_parts(machine.home, settings, KEY),
    }[command]
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        run()
    assert not settings.warehouse.exists()
