"""What would be lost or doubled if callmart loaded into Postgres instead of DuckDB. Real server, real platform."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.pool import NullPool

from pipelines.ccaip.tables import TABLES
from pipelines.cli.context import exit_code_of
from pipelines.errors import CallmartError
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.warehouse.connect import raw_rows, raw_table, reading
from pipelines.warehouse.load import load_new
from pipelines.warehouse.reconcile import reconcile
from simulator.platform import Platform
from tests.extraction.living import START
from tests.keeping import KEEP_EVERYTHING
from tests.shared import CALLMART
from tests.soak.served import Served
from tests.soak.world import make_world
from tests.storm.killing import STAGES, kill_at_stage
from tests.tenant import TOKEN, USER, settings_for, tenant

pytestmark = pytest.mark.slow

QUIET = SilentProgress()
EARLY, LATE = START + timedelta(hours=8), START + timedelta(days=3)
MIDNIGHT = START.replace(hour=0)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """Calls that change between EARLY and LATE."""
    with tenant(Served(make_world(7)), EARLY) as platform:
        yield platform


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    home.activate()
    return home


@pytest.fixture
def settings(platform, home, postgres_server, postgres_database) -> Settings:
    """Settings of a tenant that loads into an empty database."""
    platform.clock.set(EARLY)
    return replace(
        settings_for(platform, home, MIDNIGHT, rejected_share=1.0),
        destination="postgres",
        credentials=postgres_server.credentials(postgres_database),
    )


def assert_equals_duckdb(settings: Settings, home: Home, platform: Platform) -> None:
    """Every row of every table of calls is the one that the same two loads bring into DuckDB."""
    here = replace(settings, destination="duckdb", credentials={})
    for moment in (EARLY, LATE):
        platform.clock.set(moment)
        load_new(here, home, QUIET)
    with reading(settings) as there_, reading(here) as here_:
        ids = here_.execute(select(raw_table("calls").c.id)).scalars().all()
        assert len(ids) > 50
        assert set(there_.execute(select(raw_table("calls").c.id)).scalars()) == set(ids)
        for name, table in TABLES.items():
            order = [(each, "ascending") for each in table.key]
            rows = [
                _comparable(raw_rows(each, name, ids).sort_by(order).to_pylist()) for each in (there_, here_)
            ]
            for on_postgres, on_duckdb in zip(*rows, strict=True):
                assert on_postgres == on_duckdb, {
                    each: (on_postgres[each], cell)
                    for each, cell in on_duckdb.items()
                    if on_postgres[each] != cell
                }


def _comparable(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Postgres writes JSON with spaces and in its own order."""
    import json

    def plain(cell: object) -> object:
        if isinstance(cell, str) and cell[:1] in "[{":
            try:
                return json.loads(cell)
            except ValueError:
                return cell
        return cell

    return [{name: plain(cell) for name, cell in row.items()} for row in rows]


def test_increments_bring_the_same_rows_as_on_duckdb_and_reconcile_finds_no_difference(
    settings, home, platform
):
    assert not load_new(settings, home, QUIET).problems
    platform.clock.set(LATE)
    assert not load_new(settings, home, QUIET).problems
    report = reconcile(settings, home, QUIET)
    assert_equals_duckdb(settings, home, platform)
    assert (report.missing, report.stale, report.vanished) == ((), (), ())


@pytest.mark.parametrize("stage", ["copying", "merging"])
def test_the_next_load_completes_what_a_kill_cut_short(stage, settings, home, platform, postgres_server):
    assert stage in STAGES
    load_new(settings, home, QUIET)
    shutil.rmtree(home.pipelines_dir / "ccaip")  # so that the kill comes in the next load
    platform.clock.set(LATE)
    credentials = settings.credentials
    environment = {
        **os.environ,
        **KEEP_EVERYTHING,
        "CALLMART_HOME": str(home.root),
        "DESTINATION__NAME": "postgres",
        **{
            f"DESTINATION__POSTGRES__CREDENTIALS__{name.upper()}": str(each)
            for name, each in credentials.items()
        },
        "SOURCES__CCAIP__BASE_URL": platform.base_url,
        "SOURCES__CCAIP__USERNAME": USER,
        "SOURCES__CCAIP__API_TOKEN": TOKEN,
        "SOURCES__CCAIP__START_DATE": f"{MIDNIGHT:%Y-%m-%d}",
        "SOURCES__CCAIP__REQUESTS_PER_SECOND": "1000",
        "SOURCES__CCAIP__REJECTED_SHARE": "1",
    }
    process = subprocess.Popen([*CALLMART, "load"], env=environment)
    folder = home.pipelines_dir / "ccaip"
    assert kill_at_stage(folder, stage, process.kill, lambda: process.poll() is not None)
    process.wait()
    assert not load_new(settings, home, QUIET).problems
    assert_equals_duckdb(settings, home, platform)


def test_a_full_disk_is_told_as_one_and_the_next_load_completes(settings, home, platform, postgres_server):
    with postgres_server.small_disk() as resize, postgres_server.database() as name:
        engine = create_engine(postgres_server.url(name), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(f"alter database {name} set default_tablespace = small"))
        settings = replace(settings, credentials=postgres_server.credentials(name))
        load_new(settings, home, QUIET)
        with engine.connect() as connection:
            used = connection.execute(text("select pg_tablespace_size('small')")).scalar_one()
        resize(str(used + 65_536))
        platform.clock.set(LATE)
        with pytest.raises(CallmartError, match="The disk is full") as raised:
            load_new(settings, home, QUIET)
        assert exit_code_of(raised.value) == 1
        resize("64m")
        assert not load_new(settings, home, QUIET).problems
        assert_equals_duckdb(settings, home, platform)
