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
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import LockedError, TransformError
from pipelines.home import Home
from pipelines.marts import build as module
from pipelines.marts.build import transform
from pipelines.progress import SilentProgress, Stage
from pipelines.settings import Settings
from pipelines.steps import KILL_VARIABLE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("kept_environment")]

PROFILE = """
tiny:
  target: dev
  outputs:
    dev: {type: duckdb, path: "{{ env_var('CALLMART_DUCKDB_PATH') }}"}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all tests have project and home: dbt's own macros, most of what it parses, are parsed once."""
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture
def home(folder, monkeypatch) -> Home:
    """A home with a warehouse, and a dbt project of two models in place of ours."""
    project = folder / "project"
    shutil.rmtree(project, ignore_errors=True)
    (project / "models").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("name: tiny\nprofile: tiny\n")
    (project / "profiles.yml").write_text(PROFILE)
    (project / "models" / "first.sql").write_text("select '{{ var('reporting_timezone') }}' as zone")
    (project / "models" / "second.sql").write_text("select zone from {{ ref('first') }}")
    monkeypatch.setattr(module, "PROJECT_DIR", project)
    home = Home(folder / "home")
    home.activate()
    home.warehouse.unlink(missing_ok=True)
    duckdb.connect(str(home.warehouse)).close()
    return home


def build(home: Home, **more: str) -> module.TransformReport:
    return transform(home, Settings(home.warehouse, **more), SilentProgress())


def model(home: Home, name: str, sql: str, properties: str = "") -> None:
    (module.PROJECT_DIR / "models" / f"{name}.sql").write_text(sql)
    (module.PROJECT_DIR / "models" / f"{name}.yml").write_text(properties)


def test_models_are_built_with_the_settings_in_this_home_alone(home, tmp_path, monkeypatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("PATH", "/nowhere")
    project = set(module.PROJECT_DIR.rglob("*"))
    report = build(home, reporting_timezone="Asia/Kathmandu")
    assert (report.models, report.tests, report.warnings) == (2, 0, ())
    with duckdb.connect(str(home.warehouse), read_only=True) as warehouse:
        assert warehouse.sql("select zone from second").fetchall() == [("Asia/Kathmandu",)]
    assert report.log.is_relative_to(home.root)
    assert report.log.exists()
    assert list(Path.cwd().iterdir()) == []
    assert set(module.PROJECT_DIR.rglob("*")) == project


def test_a_failed_model_is_named_with_its_message_and_the_log(home) -> None:
    model(home, "second", "select * from {{ ref('first') }} where nosuch = 1")
    model(home, "third", "select * from {{ ref('second') }}")
    with pytest.raises(TransformError) as caught:
        build(home)
    said = str(caught.value)
    assert "1 of 3 nodes failed, 1 were skipped" in said
    assert "model second: " in said
    assert "nosuch" in said
    assert str(home.dbt_log_dir / "dbt.log") in caught.value.mend
    assert caught.value.exit_code == 6


def test_readers_keep_the_old_table_when_the_new_one_fails_and_a_table_can_become_a_view(home) -> None:
    """dbt swaps a model only after it was built, and replaces a relation of another kind."""
    table, view = (f"{{{{ config(materialized='{kind}') }}}} " for kind in ("table", "view"))
    query = "select table_type, (select max(n) from second) from information_schema.tables where table_name = 'second'"

    def second() -> list[tuple[str, int]]:
        with duckdb.connect(str(home.warehouse), read_only=True) as warehouse:
            return warehouse.sql(query).fetchall()

    model(home, "second", f"{table} select 1 as n from {{{{ ref('first') }}}}")
    build(home)
    model(home, "second", f"{table} select 2 as n where error('no such luck')")
    with pytest.raises(TransformError, match="no such luck"):
        build(home)
    assert second() == [("BASE TABLE", 1)]
    model(home, "second", f"{view} select 3 as n")
    build(home)
    assert second() == [("VIEW", 3)]
    model(home, "second", f"{table} select 4 as n")
    build(home)
    assert second() == [("BASE TABLE", 4)]


def test_a_failed_test_fails_the_transform_and_a_warning_is_listed(home) -> None:
    check = "models: [{name: first, columns: [{name: zone, data_tests: [{accepted_values: {arguments: {values: [x]}, config: {severity: %s}}}]}]}]"
    model(home, "first", "select 'UTC' as zone", check % "warn")
    report = build(home)
    assert report.tests == 1
    assert [warning.partition(":")[0] for warning in report.warnings] == [
        "test accepted_values_first_zone__x"
    ]
    model(home, "first", "select 'UTC' as zone", check % "error")
    with pytest.raises(TransformError, match="test accepted_values_first_zone__x: Got 1 result"):
        build(home)


def test_a_project_dbt_cannot_parse_is_no_success(home) -> None:
    """dbt then leaves no verdict behind, and an older run's must not be taken for this one's."""
    build(home)
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
module.transform(home, Settings(home.warehouse), SilentProgress(), select=sys.argv[3:])
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


def test_variables_of_dbt_in_the_environment_do_not_redirect_a_build(home, monkeypatch) -> None:
    """They may be there for another project, and would build elsewhere or not at all."""
    for name, value in {
        "DBT_TARGET": "prod",
        "DBT_PROFILE": "other",
        "DBT_PROFILES_DIR": "/nowhere",
        "DBT_PROJECT_DIR": "/nowhere",
        "DBT_EXCLUDE_RESOURCE_TYPES": "model",
        "DBT_RESOURCE_TYPES": "seed",
        "DBT_LOG_FORMAT": "text",
        "DBT_QUIET": "true",
        "DBT_EMPTY": "true",
    }.items():
        monkeypatch.setenv(name, value)
    report = build(home)
    assert report.models == 2
    with duckdb.connect(str(home.warehouse), read_only=True) as warehouse:
        assert warehouse.sql("select zone from second").fetchall() == [("UTC",)]


def test_a_build_of_nothing_is_no_success(home) -> None:
    with pytest.raises(TransformError, match=r"dbt built nothing\. Nothing matches the selection nosuch"):
        transform(home, Settings(home.warehouse), SilentProgress(), select=["nosuch"])


def test_the_time_before_the_first_node_is_accounted_for(home) -> None:
    """dbt takes several seconds to start and to parse, in which nothing would show that it works."""
    notes: list[str] = []

    class Noting(SilentProgress):
        @contextmanager
        def stage(self, *_: object, **__: object) -> Iterator[Stage]:
            with super().stage("") as stage:
                stage.note = notes.append  # type: ignore[method-assign]
                yield stage

    transform(home, Settings(home.warehouse), Noting())
    assert notes[:2] == ["starting dbt", "parsing the project"]
    assert set(notes[2:]) == {"first", "second"}


def test_dbt_gets_neither_the_credentials_of_the_api_nor_the_key(home, monkeypatch) -> None:
    monkeypatch.setenv("SOURCES__CCAIP__API_TOKEN", "tok-5ecret")
    monkeypatch.setenv("PRIVACY__KEY", "a-key-of-some-length")
    seen = ("{{ env_var('SOURCES__CCAIP__API_TOKEN', 'none') }}", "{{ env_var('PRIVACY__KEY', 'none') }}")
    model(home, "second", f"select '{seen[0]}' as token, '{seen[1]}' as key")
    build(home)
    assert os.environ["SOURCES__CCAIP__API_TOKEN"] == "tok-5ecret"
    with duckdb.connect(str(home.warehouse), read_only=True) as warehouse:
        assert warehouse.sql("select token, key from second").fetchall() == [("none", "none")]


def test_nothing_loaded_yet_says_what_to_do_first(callmart) -> None:
    callmart.root.mkdir()
    shown = callmart("transform")
    assert shown.returncode == 6
    assert "callmart load" in shown.stderr
    assert "Traceback" not in shown.stderr
