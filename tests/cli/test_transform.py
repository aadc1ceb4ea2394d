"""When dbt fails, whoever is on call reads which model and why, not a log of a thousand lines."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import LockedError, TransformError
from pipelines.home import Home
from pipelines.marts import build as module
from pipelines.marts.build import transform
from pipelines.marts.last_build import forget_build
from pipelines.progress import Progress, SilentProgress, Stage
from pipelines.settings import Settings
from pipelines.steps import KILL_VARIABLE
from tests.cli.conftest import environment_kept

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("kept_environment")]

PROFILE = """
tiny:
  target: dev
  outputs:
    dev: {type: duckdb, path: "{{ env_var('CALLMART_DUCKDB_PATH') }}"}
"""

ZONE = "Asia/Kathmandu"
"""The same for all builds: dbt parses everything again when a variable changes."""
SURROUNDINGS = {
    "PATH": "/nowhere",
    "SOURCES__CCAIP__API_TOKEN": "tok-5ecret",
    "PRIVACY__KEY": "a-key-of-some-length",
    "DBT_TARGET": "prod",
    "DBT_PROFILE": "other",
    "DBT_PROFILES_DIR": "/nowhere",
    "DBT_PROJECT_DIR": "/nowhere",
    "DBT_EXCLUDE_RESOURCE_TYPES": "model",
    "DBT_RESOURCE_TYPES": "seed",
    "DBT_LOG_FORMAT": "text",
    "DBT_QUIET": "true",
    "DBT_EMPTY": "true",
}
"""Variables that belong to another project, or that dbt must not see."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all tests have project and home: dbt's own macros, most of what it parses, are parsed once."""
    return tmp_path_factory.mktemp("tiny")


def tiny(folder: Path, patched: pytest.MonkeyPatch) -> Home:
    """A home with an empty warehouse, and a new dbt project of two models in place of ours."""
    project = folder / "project"
    shutil.rmtree(project, ignore_errors=True)
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("name: tiny\nprofile: tiny\n")
    (project / "profiles.yml").write_text(PROFILE)
    (project / "models" / "first.sql").write_text("select '{{ var('reporting_timezone') }}' as zone")
    (project / "models" / "second.sql").write_text("select zone from {{ ref('first') }}")
    patched.setattr(module, "PROJECT_DIR", project)
    home = Home(folder / "home")
    home.activate()
    home.warehouse.unlink(missing_ok=True)
    duckdb.connect(str(home.warehouse)).close()
    return home


@pytest.fixture
def home(folder, monkeypatch) -> Home:
    return tiny(folder, monkeypatch)


def build(home: Home, progress: Progress | None = None) -> module.TransformReport:
    return transform(home, Settings(home.warehouse, reporting_timezone=ZONE), progress or SilentProgress())


def model(home: Home, name: str, sql: str, properties: str = "") -> None:
    (module.PROJECT_DIR / "models" / f"{name}.sql").write_text(sql)
    (module.PROJECT_DIR / "models" / f"{name}.yml").write_text(properties)


@dataclass(frozen=True)
class Built:
    """What a build of the two models did in surroundings that could mislead it."""

    home: Home
    report: module.TransformReport
    rows: list[tuple[str, str, str]]
    """The zone, the token and the key, as dbt saw them."""
    notes: list[str]
    elsewhere: Path
    """The current folder."""
    written: set[Path]
    """New files of the project."""


@pytest.fixture(scope="module")
def built(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    elsewhere, notes = tmp_path_factory.mktemp("elsewhere"), []

    class Noting(SilentProgress):
        @contextmanager
        def stage(self, *_: object, **__: object) -> Iterator[Stage]:
            with super().stage("") as stage:
                stage.note = notes.append  # type: ignore[method-assign]
                yield stage

    with environment_kept(), pytest.MonkeyPatch.context() as patched:
        home = tiny(folder, patched)
        seen = ("{{ env_var('SOURCES__CCAIP__API_TOKEN', 'none') }}", "{{ env_var('PRIVACY__KEY', 'none') }}")
        sql = f"select zone, '{seen[0]}' as token, '{seen[1]}' as key from {{{{ ref('first') }}}}"
        model(home, "second", sql)
        project = set(module.PROJECT_DIR.rglob("*"))
        patched.chdir(elsewhere)
        for name, value in SURROUNDINGS.items():
            patched.setenv(name, value)
        report = build(home, Noting())
        assert SURROUNDINGS.items() <= os.environ.items()
        with duckdb.connect(str(home.warehouse), read_only=True) as warehouse:
            rows = warehouse.sql("select zone, token, key from second").fetchall()
        return Built(home, report, rows, notes, elsewhere, set(module.PROJECT_DIR.rglob("*")) - project)


def test_models_are_built_with_the_settings_in_this_home_alone(built) -> None:
    assert (built.report.models, built.report.tests, built.report.warnings) == (2, 0, ())
    assert [zone for zone, _, _ in built.rows] == [ZONE]
    assert built.report.log.is_relative_to(built.home.root)
    assert built.report.log.exists()
    assert list(built.elsewhere.iterdir()) == []
    assert built.written == set()


def test_variables_of_dbt_in_the_environment_do_not_redirect_a_build(built) -> None:
    """They may be there for another project, and would build elsewhere or not at all."""
    assert built.report.models == 2
    assert len(built.rows) == 1


def test_dbt_gets_neither_the_credentials_of_the_api_nor_the_key(built) -> None:
    assert [(token, key) for _, token, key in built.rows] == [("none", "none")]


def test_the_time_before_the_first_node_is_accounted_for(built) -> None:
    """dbt takes several seconds to start and to parse, in which nothing would show that it works."""
    assert built.notes[:2] == ["starting dbt", "parsing the project"]
    assert set(built.notes[2:]) == {"first", "second"}


def test_a_failed_model_is_named_and_readers_keep_its_old_table(home) -> None:
    """dbt swaps a model only after it was built."""
    model(home, "second", "{{ config(materialized='table') }} select 1 as n from {{ ref('first') }}")
    build(home)
    model(
        home,
        "second",
        "{{ config(materialized='table') }} select 2 as n from {{ ref('first') }} where error('no such luck')",
    )
    model(home, "third", "select * from {{ ref('second') }}")
    with pytest.raises(TransformError) as caught:
        build(home)
    said = str(caught.value)
    assert "1 of 3 nodes failed, 1 were skipped" in said
    assert "model second: " in said
    assert "no such luck" in said
    assert str(home.dbt_log_dir / "dbt.log") in caught.value.mend
    assert caught.value.exit_code == 6
    with duckdb.connect(str(home.warehouse), read_only=True) as warehouse:
        assert warehouse.sql("select n from second").fetchall() == [(1,)]


def test_after_a_failed_test_the_next_transform_tests_everything_and_lists_its_warnings(home) -> None:
    """Tests are limited to what a run touches only after a build that passed."""
    check = "models: [{name: first, columns: [{name: zone, data_tests: [{accepted_values: {arguments: {values: [x]}, config: {severity: warn}}}]}]}]"
    model(home, "first", "select 'UTC' as zone", check)
    forget_build(home)
    with duckdb.connect(str(home.warehouse)) as warehouse:
        warehouse.execute("create schema ccaip")
        warehouse.execute("create table ccaip.calls (updated_at timestamptz, _dlt_load_id varchar)")
    (module.PROJECT_DIR / "tests").mkdir()

    def fail_if(looks: str) -> None:
        (module.PROJECT_DIR / "tests" / "error.sql").write_text(
            f"select 1 where '{{% if execute %}}{{{{ env_var('CALLMART_TESTS_LOOK_AT') }}}}{{% endif %}}' {looks}"
        )

    fail_if("= 'everything'")
    with pytest.raises(TransformError, match="test error: Got 1 result"):
        build(home)
    fail_if("= 'touched'")
    report = build(home)
    assert report.tests == 2
    assert [warning.partition(":")[0] for warning in report.warnings] == [
        "test accepted_values_first_zone__x"
    ]
    with pytest.raises(TransformError, match="test error: Got 1 result"):
        build(home)


def test_a_project_dbt_cannot_parse_is_no_success(built, home) -> None:
    """dbt then leaves no results behind, and those of an earlier run must not be taken for this one's."""
    assert (home.dbt_target_dir / "run_results.json").exists()
    model(home, "second", "select * from {{ ref('nosuch') }}")
    with pytest.raises(TransformError, match=r"(?s)dbt could not run: .*nosuch"):
        build(home)


def test_a_warehouse_that_another_program_has_open_is_named(home) -> None:
    hold = (
        "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", hold, home.warehouse], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LockedError):
            build(home)
    finally:
        other.kill()
        other.wait()


TRANSFORM = """
import sys
from pathlib import Path
from pipelines.marts import build as module
from pipelines.home import Home
from pipelines.progress import SilentProgress, Stage
from pipelines.settings import Settings
home, module.PROJECT_DIR = Home(Path(sys.argv[1])), Path(sys.argv[2])
module.transform(home, Settings(home.warehouse, reporting_timezone="Asia/Kathmandu"), SilentProgress(), select=sys.argv[3:])
"""


def transform_and_die(home: Home, at: str, *select: str) -> None:
    """A transform in a process of its own, killed when it reaches the step."""
    killed = subprocess.run(
        [sys.executable, "-c", TRANSFORM, home.root, module.PROJECT_DIR, *select],
        env=os.environ | {KILL_VARIABLE: at},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL


def wait_until_free(warehouse: Path, seconds: float = 15) -> None:
    """Until nobody has the file open: a killed process takes a moment to be gone."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return duckdb.connect(str(warehouse)).close()
        except duckdb.IOException:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def test_dbt_does_not_outlive_a_killed_transform(home) -> None:
    """An orphan would hold the warehouse for as long as its model takes, and lock the next run out."""
    endless = "select sum(hash(range)) as total from range(100000000000), {{ ref('first') }}"
    model(home, "second", "{{ config(materialized='table') }} " + endless)
    transform_and_die(home, "dbt:1")
    wait_until_free(home.warehouse)


def test_a_build_of_nothing_is_no_success(home) -> None:
    with pytest.raises(TransformError, match=r"dbt built nothing\. Nothing matches the selection nosuch"):
        transform(
            home, Settings(home.warehouse, reporting_timezone=ZONE), SilentProgress(), select=["nosuch"]
        )


def test_nothing_loaded_yet_says_what_to_do_first(callmart) -> None:
    callmart.root.mkdir()
    shown = callmart("transform")
    assert shown.returncode == 6
    assert "callmart load" in shown.stderr
    assert "Traceback" not in shown.stderr
