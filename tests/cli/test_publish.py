"""Dashboards read a copy: they must neither keep a load out nor ever find half a file."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import CallmartError, ConfigurationError, LockedError
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.steps import KILL_VARIABLE
from pipelines.warehouse.publish import publish

PUBLISH = """
import sys
from pathlib import Path
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.warehouse.publish import publish
home = Home(Path(sys.argv[1]))
publish(home, Settings(home.warehouse))
"""

DASHBOARD = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as copy:
    for _ in sys.stdin:
        print(copy.sql("select offered from marts.mart").fetchone()[0], flush=True)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A warehouse with a mart, a view on personal data, and the raw rows below it."""
    home = Home(tmp_path / "it's home")
    home.warehouse.parent.mkdir(parents=True)
    with duckdb.connect(str(home.warehouse)) as warehouse:
        warehouse.execute("""
            create schema ccaip; create schema staging; create schema marts;
            create table ccaip.calls (id bigint, email varchar);
            insert into ccaip.calls values (1, 'caller@example.org');
            create view staging.stg_ccaip__calls as from ccaip.calls;
            create table marts.mart (offered bigint not null);
            insert into marts.mart values (1);
            create table marts."order" as select now() as "end";
        """)
    return home


def offer(home: Home, count: int) -> None:
    with duckdb.connect(str(home.warehouse)) as warehouse:
        warehouse.execute("update marts.mart set offered = ?", [count])


def published(home: Home) -> int:
    """What somebody who opens the copy now reads."""
    with duckdb.connect(str(home.root / "published" / "callmart.duckdb"), read_only=True) as copy:
        found: list[tuple[int]] = copy.execute("select offered from callmart.marts.mart").fetchall()
    return found[0][0]


@contextmanager
def dashboard(copy: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that keeps the copy open, and reads it again for each line it is sent."""
    process = subprocess.Popen(
        [sys.executable, "-c", DASHBOARD, copy], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process


def reads(process: subprocess.Popen[str]) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def test_an_open_dashboard_keeps_no_load_out_and_sees_the_new_copy_on_reopening(home) -> None:
    copy = publish(home, Settings(home.warehouse))
    with dashboard(copy) as reader:
        assert reads(reader) == 1
        offer(home, 2)  # opens the warehouse for writing
        assert publish(home, Settings(home.warehouse)) == copy
        assert reads(reader) == 1
    assert published(home) == 2


def test_personal_raw_rows_are_not_published_and_nobody_else_may_read_the_rest(home) -> None:
    copy = publish(home, Settings(home.warehouse))
    with duckdb.connect(str(copy), read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        views = connection.execute("select count(*) from duckdb_views() where not internal").fetchall()
    assert sorted(tables) == [("marts", "mart"), ("marts", "order")]
    assert views == [(0,)]
    assert b"caller@example.org" not in copy.read_bytes()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("time", [1, 2])
def test_a_kill_while_publishing_leaves_the_old_copy_whole(home, time) -> None:
    publish(home, Settings(home.warehouse))
    offer(home, 2)
    killed = subprocess.run(
        [sys.executable, "-c", PUBLISH, home.root],
        env=os.environ | {KILL_VARIABLE: f"publish:{time}"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert published(home) == 1
    assert len(list((home.root / "published").iterdir())) > 1, "it died with work in hand"

    publish(home, Settings(home.warehouse))
    assert published(home) == 2
    assert [left.name for left in (home.root / "published").iterdir()] == ["callmart.duckdb"]


def test_a_failed_publish_leaves_the_old_copy_and_no_leftovers(home) -> None:
    publish(home, Settings(home.warehouse))
    with duckdb.connect(str(home.warehouse)) as warehouse:
        warehouse.execute("drop schema marts cascade")
    with pytest.raises(CallmartError, match="no marts") as caught:
        publish(home, Settings(home.warehouse))
    assert "callmart transform" in caught.value.mend
    assert published(home) == 1
    assert [left.name for left in (home.root / "published").iterdir()] == ["callmart.duckdb"]


def test_without_a_warehouse_it_says_what_to_do_first_and_makes_none(tmp_path) -> None:
    home = Home(tmp_path)
    with pytest.raises(CallmartError, match="no marts"):
        publish(home, Settings(home.warehouse))
    assert not home.warehouse.exists()


def test_a_warehouse_in_the_place_of_its_copy_is_not_overwritten(home) -> None:
    """The copy holds the marts alone: the raw rows would be gone."""
    there = home.root / "published" / "callmart.duckdb"
    there.parent.mkdir()
    home.warehouse.rename(there)
    with pytest.raises(ConfigurationError):
        publish(home, Settings(there))
    with duckdb.connect(str(there), read_only=True) as warehouse:
        assert warehouse.execute("select count(*) from ccaip.calls").fetchall() == [(1,)]


def test_a_warehouse_that_another_program_writes_is_named(home) -> None:
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, home.warehouse], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LockedError, match=r"callmart\.duckdb"):
            publish(home, Settings(home.warehouse))
