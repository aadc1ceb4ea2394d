"""What would be lost, left half done or done twice if callmart were killed, at each named step and dlt stage.

The command runs in a process of its own and dies by SIGKILL when it reaches the step (`pipelines.steps`) or the stage
(`tests.storm.killing`). After one more load, in the same folder or from another machine's empty one, the warehouse
must equal the platform. That load runs in this process, which saves starting Python and importing dlt; after a first
load and after a build the next run is the command again.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.steps import KILL_VARIABLE, Step
from pipelines.warehouse.connect import reading
from pipelines.warehouse.load import load_new
from simulator.platform import Platform
from tests.empty import with_warehouse
from tests.extraction.living import START, LivingCalls
from tests.increments.rebuild import TABLES
from tests.keeping import KEEP_EVERYTHING
from tests.marts.workshop import Workshop, parsed
from tests.queries import opened
from tests.shared import CALLMART
from tests.soak.ledger import audit
from tests.soak.served import Served
from tests.soak.verdict import Verdict, judge
from tests.soak.world import make_world
from tests.storm.killing import STAGES, kill_at_stage
from tests.tenant import TOKEN, USER, settings_for
from tests.tenant import tenant as tenant_of

pytestmark = pytest.mark.slow

EARLY, LATE = START + timedelta(hours=8), START + timedelta(days=3)
MIDNIGHT = START.replace(hour=0)
BACKFILL = ("backfill", "--from", f"{START:%Y-%m-%d}", "--to", f"{LATE:%Y-%m-%d}", "--newest-first")

BEFORE_WRITING = ("plan", "fetch", "explode", "normalise", "load", "extracted", "normalized")
"""Steps and stages of `callmart load` before it writes to the tables of the warehouse, in order."""

MOMENTS = [
    *((("load",), moment) for moment in ("copying", "merging", "merged", "verify")),
    (BACKFILL, "fetch"),
    (BACKFILL, "merging"),
]
"""Commands and the later step or stage at which they are killed."""
SHORT = ((("load",), "merged"), (BACKFILL, "merging"))
"""Those of `make test`: rows without a verdict, and rows half merged."""


MARTS = (
    "fct_calls", "fct_queue_segments", "fct_handled_segments", "fct_transfers",
    "mart_service_level", "mart_abandonment", "mart_agent_handle_time",
)  # fmt: skip


@dataclass
class Tenant:
    """A platform whose calls change between EARLY and LATE, and how callmart is pointed at it."""

    platform: Platform
    calls: LivingCalls
    served: Served
    environment: Mapping[str, str]

    def start(
        self, home: Home, *arguments: str, warehouse: Path | None = None, kill_at: str = ""
    ) -> subprocess.Popen[bytes]:
        """The command, as a process."""
        environment = {**os.environ, **self.environment, "CALLMART_HOME": str(home.root)}
        if warehouse:
            environment["DESTINATION__DUCKDB__CREDENTIALS"] = str(warehouse)
        is_stage = kill_at.partition(":")[0] in STAGES
        if kill_at and not is_stage:
            environment[KILL_VARIABLE] = kill_at
        folder = home.pipelines_dir / "ccaip"
        shutil.rmtree(folder, ignore_errors=True)  # the load begins with an empty one, too
        process = subprocess.Popen([*CALLMART, *arguments], env=environment)
        if is_stage:
            assert kill_at_stage(folder, kill_at, process.kill, lambda: process.poll() is not None)
        return process

    def load(self, home: Home) -> None:
        """What `callmart load` does, in this process."""
        home.activate()
        settings = settings_for(self.platform, home, MIDNIGHT, rejected_share=1.0)
        assert load_new(settings, home, SilentProgress()).problems == []

    def assert_holds(self, warehouse: Path) -> None:
        """Every row equals the platform's, and the ledger accounts for it."""
        verdict = Verdict()
        with reading(Settings(warehouse)) as connection:
            judge(connection, self.calls.truth(LATE), self.served, verdict)
            audit(connection, MIDNIGHT, verdict)
        assert verdict.is_fine, verdict


@pytest.fixture(scope="module")
def tenant() -> Iterator[Tenant]:
    calls = make_world(7)
    served = Served(calls)
    with tenant_of(served, EARLY) as platform:
        yield Tenant(
            platform,
            calls,
            served,
            {
                "SOURCES__CCAIP__BASE_URL": platform.base_url,
                "SOURCES__CCAIP__USERNAME": USER,
                "SOURCES__CCAIP__API_TOKEN": TOKEN,
                "SOURCES__CCAIP__START_DATE": f"{MIDNIGHT:%Y-%m-%d}",
                "SOURCES__CCAIP__REQUESTS_PER_SECOND": "1000",
                "SOURCES__CCAIP__REJECTED_SHARE": "1",
            }
            | KEEP_EVERYTHING,
        )


@pytest.fixture(scope="module")
def loaded(tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that was loaded at EARLY. Copy it, do not change it."""
    home = with_warehouse(Home(tmp_path_factory.mktemp("loaded")))
    tenant.platform.clock.set(EARLY)
    tenant.load(home)
    return home


def ended(process: subprocess.Popen[bytes]) -> int:
    return process.wait()


@pytest.mark.parametrize(
    "moments",
    [("explode", "normalized"), pytest.param(BEFORE_WRITING, marks=pytest.mark.long)],
    ids=["two moments", "every moment"],
)
def test_kills_before_anything_is_written_change_nothing_and_the_next_run_completes_them(
    tenant, loaded, tmp_path, moments
):
    """One run after the other, each killed later than the one before: the next one is not kept out by what is left."""
    here, elsewhere = Home(tmp_path / "here"), Home(tmp_path / "elsewhere")
    shutil.copytree(loaded.root, here.root)
    before = raw_rows(here.warehouse)
    tenant.platform.clock.set(LATE)
    for moment in moments:
        assert ended(tenant.start(here, "load", kill_at=moment)) == -signal.SIGKILL
        assert raw_rows(here.warehouse) == before, moment
    shutil.copytree(here.warehouse.parent, elsewhere.warehouse.parent)
    for home in (here, elsewhere):
        tenant.load(home)
        tenant.assert_holds(home.warehouse)


def raw_rows(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows that loads have left, dlt's own tables too."""
    with opened(file) as connection:
        names = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'ccaip'"
        ).fetchall()
        return {
            name: connection.execute(f"select * from ccaip.{name} order by all").fetchall()
            for (name,) in names
        }


@pytest.mark.parametrize(
    ("command", "moment"),
    [
        pytest.param(*each, id=f"{each[0][0]}-{each[1]}", marks=() if each in SHORT else pytest.mark.long)
        for each in MOMENTS
    ],
)
def test_the_next_run_completes_what_a_kill_cut_short(tenant, loaded, tmp_path, command, moment):
    here, elsewhere = Home(tmp_path / "here"), Home(tmp_path / "elsewhere")
    shutil.copytree(loaded.root, here.root)
    tenant.platform.clock.set(LATE)
    assert ended(tenant.start(here, *command, kill_at=moment)) == -signal.SIGKILL
    shutil.copytree(here.warehouse.parent, elsewhere.warehouse.parent)
    for home in (here, elsewhere):
        tenant.load(home)
        tenant.assert_holds(home.warehouse)


@pytest.mark.parametrize("moment", ["copying"])
def test_a_first_load_that_was_killed_leaves_nothing_that_the_next_one_trips_over(tenant, tmp_path, moment):
    home = Home(tmp_path / "home")
    tenant.platform.clock.set(LATE)
    assert ended(tenant.start(home, "load", kill_at=moment)) == -signal.SIGKILL
    assert ended(tenant.start(home, "load")) == 0
    tenant.assert_holds(home.warehouse)


def test_marts_that_were_killed_half_built_or_half_published_are_whole_after_the_next_run(
    tenant, loaded, tmp_path
):
    """First load: killed among the incremental facts. Then news, and killed with the copy all but in place."""
    here, elsewhere = Home(tmp_path / "here"), Home(tmp_path / "elsewhere")
    shutil.copytree(loaded.root, here.root)
    parsed(here)
    tenant.platform.clock.set(EARLY + timedelta(minutes=1))
    assert ended(tenant.start(here, "run", kill_at="dbt:60")) == -signal.SIGKILL
    tenant.platform.clock.set(LATE)
    assert ended(tenant.start(here, "run", kill_at="publish:2")) == -signal.SIGKILL
    assert not list((here.root / "published").glob("*.duckdb")), "a copy takes its place whole or not at all"
    tenant.assert_holds(here.warehouse)
    elsewhere.root.mkdir()
    assert ended(tenant.start(elsewhere, "publish", warehouse=here.warehouse)) == 0
    built = rows_of(here.warehouse, MARTS)
    assert rows_of(elsewhere.root / "published" / here.warehouse.name, MARTS) == built
    Workshop(tmp_path / "dbt").build(
        here.warehouse, full_refresh=True, select=[f"+{mart},{kind}" for mart in MARTS for kind in TABLES]
    )
    assert rows_of(here.warehouse, MARTS) == built


def rows_of(file: Path, tables: Sequence[str]) -> dict[str, list[tuple[object, ...]]]:
    """All rows of marts, without the columns that tell of loads."""
    with opened(file) as connection:
        return {
            name: connection.execute(
                f"select columns(c -> c not in ('load_id', 'rules_fingerprint')) from marts.{name} order by all"
            ).fetchall()
            for name in tables
        }


def test_every_named_step_of_a_load_is_one_at_which_a_test_kills():
    killed = {*BEFORE_WRITING, *(moment for _, moment in MOMENTS)}
    assert killed >= set(STAGES)
    assert killed - set(STAGES) == set(get_args(Step)) - {"dbt", "publish", "forget", "rotate"}
