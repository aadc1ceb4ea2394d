"""Somebody's name in the warehouse, a load package, a log, an error, an artefact, the published copy.

Every leaf of some calls has a marker of its own: the declared ones, and keys nobody declared wherever an
object stands. The calls are loaded along every way callmart has, under the default policy, and then every
byte it wrote or said is searched.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.ccaip.privacy.policy import KEEP_ALL, is_pseudonym, personal_columns
from pipelines.ccaip.tables import CONTACT, EXTRA, IDENTIFIER, NAME, TABLES
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.warehouse.load import load_new
from simulator.platform import Clock, Credentials, Platform
from tests.cli.conftest import Command, environment_kept
from tests.empty import with_warehouse
from tests.extraction.conftest import TOKEN, USER, settings_for
from tests.extraction.living import START, LivingCalls, seconds
from tests.marts.workshop import parsed
from tests.privacy.markers import Markers, found

GOOD, ODD_TYPE, ODD_SHAPE, MOVING = 1, 2, 3, 4


@dataclass
class World:
    """Calls full of markers, the platform that serves them, and callmart's home."""

    markers: Markers
    calls: LivingCalls
    platform: Platform
    command: Command
    said: str = ""

    def run(self, *arguments: str, code: int = 0, **env: str) -> str:
        """Run callmart and keep what it says. A load and a run have a process of their own: dlt and dbt write to its output."""
        run = self.command.process if arguments[0] in ("load", "run") else self.command
        done = run(*arguments, **env)
        self.said += done.stdout + done.stderr
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def personal_found(self) -> dict[str, set[str]]:
        folders = (self.command.root, self.command.cwd, self.command.user_home)
        return found(*folders, said=self.said)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with self._open() as connection:
            return connection.execute(query).fetchall()

    def good_rows(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of the call that has nothing wrong, by table."""
        with self._open() as connection:
            return {
                name: connection.execute(
                    f"select * from ccaip.{name} where {'call_id' if table.parent else 'id'} = {GOOD}"
                )
                .to_arrow_table()
                .to_pylist()
                for name, table in TABLES.items()
            }

    def _open(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(Home(self.command.root).warehouse), read_only=True)
        connection.execute("set timezone = 'UTC'")
        return connection


def marked_calls(markers: Markers) -> LivingCalls:
    calls = LivingCalls()
    good = markers.call(GOOD)
    unread = Markers(markers.numbers, markers.personal)  # what cannot be read does not land
    odd_type = unread.call(ODD_TYPE) | {"rating": unread.secret(), "ends_at": unread.secret()}
    odd_type["participants"][0]["connected_at"] = unread.secret()
    odd_shape = unread.call(ODD_SHAPE) | {"status": unread.anything(), "transfers": unread.anything()}
    odd_shape["end_user"] = [unread.secret()]
    odd_shape["participants"].append(unread.secret())
    for moment, call in ((1, good), (2, odd_type), (3, odd_shape), (4, unread.call(MOVING))):
        call["updated_at"] = (START + seconds(moment)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        calls.put(START + seconds(moment), call)
    markers.landing["calls", "updated_at"] = [START + seconds(1)]
    return calls


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("markers")
    markers = Markers()
    calls = marked_calls(markers)
    command = Command(folder / "home", folder / "elsewhere", folder / "user")
    with environment_kept():
        parsed(with_warehouse(Home(command.root)))
    for each in (command.cwd, command.user_home, command.root / ".dlt"):
        each.mkdir(parents=True, exist_ok=True)
    (command.root / ".dlt" / "config.toml").write_text("[sources.ccaip]\nrejected_share = 1\n")
    clock = Clock.frozen(START + seconds(3600))
    with Platform(
        calls, clock=clock, credentials=Credentials(USER, TOKEN), requests_per_second=0
    ) as platform:
        command.env = {
            "SOURCES__CCAIP__BASE_URL": platform.base_url,
            "SOURCES__CCAIP__USERNAME": USER,
            "SOURCES__CCAIP__API_TOKEN": TOKEN,
            "SOURCES__CCAIP__START_DATE": "2026-03-01",
        }
        world = World(markers, calls, platform, command)
        world.run("privacy", "make-key")
        yield world


@pytest.fixture(scope="module")
def loaded(world: World) -> World:
    """The same, after a load that nothing cut short."""
    world.run("load", "--verbose")
    return world


def test_nothing_personal_is_left_by_loads_that_are_killed_on_the_way(world: World) -> None:
    for step in ("explode", "load", "verify"):
        killed = world.command.process("load", "--verbose", "--traceback", CALLMART_KILL_AT=step)
        world.said += killed.stdout + killed.stderr
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert not world.personal_found()


@pytest.mark.slow
def test_nothing_personal_is_left_by_any_command(loaded: World) -> None:
    moved = loaded.calls.body(MOVING, loaded.platform.clock.now()) | {"feedback": loaded.markers.secret()}
    del moved["updated_at"]
    loaded.calls.put(START + seconds(3000), moved)
    loaded.platform.clock.advance(seconds(3600))
    loaded.run("run", "--verbose")
    loaded.run("rejected")
    bodies = loaded.run("rejected", "--json", "--body")
    assert bodies.count("(withheld: text)") > 100
    loaded.run("rejected", "--retry", "--verbose")
    loaded.run("reconcile", "--json")
    loaded.run("status", "--json")
    since_then = ("--from", "2026-03-01", "--to", "2026-03-03")
    loaded.run("backfill", *since_then, "--traceback", code=5, SOURCES__CCAIP__FATAL_DRIFT="calls.*")
    assert list(loaded.command.root.glob("published/*.duckdb"))
    assert not loaded.personal_found()
    assert loaded.ask("select count(*) from ccaip.rejected_calls") == [(2,)]


def test_whatever_is_not_personal_lands(loaded: World) -> None:
    wanting = {}
    rows = loaded.good_rows()
    for (table, column), values in loaded.markers.landing.items():
        landed = {row[column] for row in rows[table]}
        if missing := [value for value in values if value not in landed]:
            wanting[table, column] = missing
    assert len(loaded.markers.landing) > 200
    assert not wanting


def test_pseudonyms_land_for_identifiers_names_and_contacts_and_nothing_for_the_rest(loaded: World) -> None:
    rows = loaded.good_rows()
    for (table, name), column in personal_columns().items():
        if table not in TABLES or column is EXTRA:
            continue
        values = {row[name] for row in rows[table]}
        if column.privacy in (IDENTIFIER, NAME, CONTACT):
            assert values, name
            assert all(is_pseudonym(value) for value in values), (table, name)
        else:
            assert values == {None}, (table, name)


def test_the_names_of_unknown_keys_are_kept_and_counted(loaded: World) -> None:
    (extra,) = loaded.ask(
        f"select _extra ->> 'unknown', _extra ->> 'unknown_number' from ccaip.calls where id = {GOOD}"
    )
    assert extra == ("(withheld: object)", "(withheld: whole number)")
    drift = loaded.ask("select distinct table_name, field from ccaip.drift where kind = 'new_key'")
    assert {
        ("calls", "unknown"),
        ("calls", "end_user.unknown_inside"),
        ("redaction_times", "unknown"),
    } <= set(drift)


def test_the_search_finds_what_was_kept(tmp_path: Path) -> None:
    """Else it would prove nothing."""
    markers = Markers()
    calls = LivingCalls()
    calls.put(START, markers.call(GOOD))
    home = with_warehouse(Home(tmp_path / "home"))
    clock = Clock.frozen(START + seconds(90_000))
    with Platform(
        calls, clock=clock, credentials=Credentials(USER, TOKEN), requests_per_second=0
    ) as platform:
        settings = settings_for(platform, home)
        assert settings.privacy == KEEP_ALL
        load_new(settings, home, SilentProgress())
    assert found(tmp_path)[str(home.warehouse)] == set(markers.personal)
