"""One warehouse, two engines: what is read and written does not depend on which, and errors name the mend."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from pipelines.errors import CallmartError, ConfigurationError, LockedError, explained
from pipelines.settings import Settings
from pipelines.warehouse.connect import exists, raw_table, reading, rows_by_key, writing

MOMENT = datetime(2026, 3, 2, 8, 0, 0, 250_000, tzinfo=UTC)
ENGINES = ("duckdb", "postgres")


@pytest.fixture(params=ENGINES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """An empty warehouse on each engine."""
    if request.param == "duckdb":
        yield Settings(tmp_path / "callmart.duckdb")
        return
    server = request.getfixturevalue("postgres_server")
    database = request.getfixturevalue("postgres_database")
    yield Settings(
        tmp_path / "unused.duckdb", destination="postgres", credentials=server.credentials(database)
    )


@pytest.fixture
def loaded(settings: Settings) -> Settings:
    """The same with a schema and a table of calls."""
    calls = raw_table("calls")
    with writing(settings) as warehouse:
        warehouse.connection.execute(text("create schema ccaip"))
        calls.create(warehouse.connection)
        row = {"id": 1, "updated_at": MOMENT, "_extra": '{"b": [1, null]}', "_dlt_load_id": "1.1"}
        warehouse.connection.execute(insert(calls), [row, row | {"id": 2, "_extra": None}])
        warehouse.connection.commit()
    return settings


def test_what_is_written_is_read_back_the_same_on_every_engine(loaded):
    calls = raw_table("calls")
    query = select(calls.c.id, calls.c.updated_at, calls.c._extra).order_by(calls.c.id)
    with reading(loaded) as connection:
        (first, second) = connection.execute(query).all()
    assert first.updated_at == MOMENT
    assert first.updated_at.utcoffset().total_seconds() == 0
    assert isinstance(first[2], str)
    assert '"b"' in first[2]
    assert second[2] is None


def test_a_reader_cannot_write(loaded):
    calls = raw_table("calls")
    with reading(loaded) as connection, pytest.raises(DBAPIError):
        connection.execute(delete(calls))
    with reading(loaded) as connection:
        assert connection.execute(select(func.count()).select_from(calls)).scalar() == 2


def test_what_is_not_committed_leaves_nothing(loaded):
    calls = raw_table("calls")
    with writing(loaded) as warehouse:
        warehouse.connection.execute(delete(calls))
    with reading(loaded) as connection:
        assert connection.execute(select(func.count()).select_from(calls)).scalar() == 2


def test_before_the_first_load_there_is_no_warehouse(settings):
    assert not exists(settings)
    with pytest.raises(CallmartError, match=r"(no warehouse|no schema)"), reading(settings):
        pass


def test_more_keys_than_one_statement_takes_are_all_found(loaded):
    calls = raw_table("calls")
    rows = [{"id": each} for each in range(3, 12_003)]
    with writing(loaded) as warehouse:
        for start in range(0, len(rows), 1000):
            values = ", ".join(f"({row['id']})" for row in rows[start : start + 1000])
            warehouse.connection.execute(text(f"insert into ccaip.calls (id) values {values}"))
        warehouse.connection.commit()
    wanted = range(1, 20_001, 2)
    with reading(loaded) as connection:
        found = {row.id for row in rows_by_key(connection, select(calls.c.id), calls.c.id, wanted)}
    assert found == set(range(1, 12_003, 2))


def test_dlt_loads_into_what_is_open(settings, tmp_path, monkeypatch):
    import dlt

    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path))
    with writing(settings) as warehouse:
        pipeline = dlt.pipeline(
            "a_load",
            destination=warehouse.destination,
            dataset_name="ccaip",
            pipelines_dir=str(tmp_path / "dlt"),
        )
        pipeline.run([{"id": 7}], table_name="loaded_by_dlt")
        found = warehouse.connection.execute(text("select id from ccaip.loaded_by_dlt")).scalars().all()
        assert found == [7]
        if warehouse.raw is not None:
            threshold = warehouse.raw.execute("select current_setting('checkpoint_threshold')").fetchone()
            assert threshold == ("15.2 MiB",)  # dlt's own gigabyte would be held in memory
        warehouse.connection.rollback()
        warehouse.reopen()
        assert warehouse.connection.execute(text("select count(*) from ccaip.loaded_by_dlt")).scalar() == 1


def test_a_writer_of_duckdb_keeps_its_settings_and_hides_the_file(tmp_path):
    settings = Settings(tmp_path / "callmart.duckdb")
    with writing(settings) as warehouse:
        told = warehouse.connection.execute(
            text(
                "select current_setting('TimeZone'), current_setting('memory_limit'), current_setting('checkpoint_threshold')"
            )
        ).one()
        assert tuple(told) == ("UTC", "953.6 MiB", "15.2 MiB")
    assert settings.warehouse.stat().st_mode & 0o077 == 0


def test_a_mount_that_refuses_chmod_is_a_warning_and_no_error(tmp_path, monkeypatch, caplog):
    def refuse(self: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with writing(Settings(tmp_path / "callmart.duckdb")):
        pass
    assert "permissions cannot be changed" in caplog.text


# --- only a lock is a lock ------------------------------------------------------------------------


def _filled(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table t as select i, repeat('x', 200) || i as x from range(50_000) r(i)")


@pytest.mark.parametrize("open_", [reading, writing])
def test_a_damaged_file_is_not_taken_for_a_locked_one(open_: Any, tmp_path):
    settings = Settings(tmp_path / "callmart.duckdb")
    _filled(settings.warehouse)
    content = bytearray(settings.warehouse.read_bytes())
    for place in range(4096, len(content), 50_000):
        content[place + 100] ^= 0xFF
    settings.warehouse.write_bytes(content)
    with pytest.raises(CallmartError, match="damaged") as caught, open_(settings) as opened:
        connection = opened if open_ is reading else opened.connection
        connection.execute(text("select sum(i), max(x) from t")).one()
    assert not isinstance(caught.value, LockedError)
    assert caught.value.exit_code == 1
    assert "backup" in caught.value.mend


def test_a_file_that_is_no_database_is_not_taken_for_a_locked_one(tmp_path):
    settings = Settings(tmp_path / "callmart.duckdb")
    settings.warehouse.write_text("all blocks are locked" * 1000)
    with pytest.raises(CallmartError, match="not a DuckDB file") as caught, writing(settings):
        pass
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("open_", [reading, writing])
def test_a_file_that_another_process_writes_is_locked(open_: Any, tmp_path):
    settings = Settings(tmp_path / "callmart.duckdb")
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(settings.warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"open"
        with pytest.raises(LockedError) as caught, open_(settings):
            pass
        assert caught.value.exit_code == 4
        other.communicate(b"")


# --- a server that gives no connection ------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "exit_code", "said"),
    [
        ({"password": "not-the-password"}, 2, "user name or the password"),
        ({"username": "nobody_here"}, 2, "user name or the password"),
        ({"database": "nowhere"}, 2, "no such database"),
        ({"port": 1}, 1, "cannot be reached"),
    ],
)
def test_a_server_that_gives_no_connection_is_told_with_the_mend(
    wrong, exit_code, said, postgres_server, postgres_database, tmp_path
):
    credentials = postgres_server.credentials(postgres_database) | wrong
    settings = Settings(tmp_path / "unused.duckdb", destination="postgres", credentials=credentials)
    for opening in (reading, writing):
        with pytest.raises(CallmartError, match=said) as caught, opening(settings):
            pass
        assert caught.value.exit_code == exit_code
        assert "[destination.postgres.credentials]" in caught.value.mend
        told = f"{caught.value} {caught.value.mend} {settings!r}"
        assert "password" not in credentials or credentials["password"] not in told


def test_a_second_machine_does_not_write_to_the_same_postgres(postgres_server, postgres_database, tmp_path):
    settings = Settings(
        tmp_path / "unused.duckdb",
        destination="postgres",
        credentials=postgres_server.credentials(postgres_database),
    )
    with writing(settings):
        with pytest.raises(
            LockedError, match=r"Another callmart writes .* \(from 127\.0\.0\.1, since"
        ) as caught:
            writing(settings).__enter__()
        assert caught.value.exit_code == 4
    with writing(settings) as warehouse:
        warehouse.reopen()


def test_a_user_without_rights_is_told_which_before_anything_is_changed(
    postgres_server, postgres_database, tmp_path
):
    import psycopg2

    stranger = {"username": "a_stranger", "password": "a-password"}
    settings = Settings(
        tmp_path / "unused.duckdb",
        destination="postgres",
        credentials=postgres_server.credentials(postgres_database) | stranger,
    )
    url = postgres_server.url(postgres_database).replace("+psycopg2", "")
    with closing(psycopg2.connect(url)) as owner, owner.cursor() as cursor:
        cursor.execute("create role a_stranger login password 'a-password'")
        owner.commit()
        with pytest.raises(ConfigurationError, match="a_stranger may not create schemas") as caught:
            writing(settings).__enter__()
        assert f"grant create on database {postgres_database} to a_stranger" in caught.value.mend
        cursor.execute("create schema marts")
        owner.commit()
        with pytest.raises(
            ConfigurationError, match=r"schema marts .* belongs to callmart, and a_stranger"
        ) as caught:
            writing(settings).__enter__()
        assert "grant usage, create on schema marts to a_stranger" in caught.value.mend
        cursor.execute(f"grant create on database {postgres_database} to a_stranger")
        cursor.execute("grant usage, create on schema marts to a_stranger")
        owner.commit()
    with writing(settings):
        pass


def test_what_needs_a_transaction_is_refused_on_bigquery(tmp_path):
    given = {"project_id": "p", "client_email": "e", "private_key": "k"}
    settings = Settings(tmp_path / "unused.duckdb", destination="bigquery", credentials=given)
    with pytest.raises(ConfigurationError, match="nothing was changed") as caught, writing(settings):
        pass
    assert "docs/destinations.md" in caught.value.mend


def test_a_missing_driver_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    given = {"host": "127.0.0.1", "username": "u", "database": "d"}
    settings = replace(Settings(tmp_path / "unused.duckdb"), destination="postgres", credentials=given)
    with pytest.raises(ConfigurationError, match="driver") as caught, reading(settings):
        pass
    assert "callmart[postgres]" in caught.value.mend


def test_a_full_disk_is_known_in_any_language_of_the_server(postgres_server, postgres_database, tmp_path):
    credentials = postgres_server.credentials(postgres_database)
    with writing(Settings(tmp_path / "unused", destination="postgres", credentials=credentials)) as warehouse:
        says = "raise exception 'Auf dem Gerät ist kein Speicherplatz mehr verfügbar' using errcode = 'disk_full'"
        with pytest.raises(DBAPIError) as raised:
            warehouse.connection.execute(text(f"do $$ begin {says}; end $$"))
    assert "The disk is full" in str(explained(raised.value))
