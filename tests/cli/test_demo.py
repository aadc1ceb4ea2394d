"""The first thing a newcomer runs, in small: one day of calls, then an hour more."""

from __future__ import annotations

import subprocess
import threading
from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest

from pipelines.demo import START, run_demo
from pipelines.errors import ConfigurationError
from pipelines.home import Home
from pipelines.marts.build import transform
from pipelines.progress import SilentProgress
from simulator.platform import Platform

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("kept_environment")]


TABLES: dict[str, str] = {}
"""What the first run printed, by destination."""

SHOWN_ALONE = partial(
    transform,
    with_tests=False,
    select=["+mart_service_level", "+mart_abandonment", "+mart_agent_handle_time", "+fct_handled_segments"],
)
"""A build of the marts whose numbers are printed. The first run builds and tests all of them."""


def tables_in(shown: str) -> str:
    """The numbers by queue and by direction."""
    return shown.partition("By queue")[2].partition("Warehouse:")[0]


def test_the_demo_shows_the_marts_and_the_second_run_loads_only_an_hour(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    served: list[Platform] = []
    enter = Platform.__enter__
    monkeypatch.setattr(Platform, "__enter__", lambda self: served.append(self) or enter(self))

    first = run_demo(Home(tmp_path), SilentProgress(), days=1)
    shown = capsys.readouterr().out
    TABLES["duckdb"] = tables_in(shown)
    assert first.first
    assert first.clock == START + timedelta(days=1)
    assert first.load.calls > 1500
    for words in (
        "Service level",
        "Abandoned",
        "AHT",
        "All queues",
        f"{tmp_path}/demo/warehouse",
        "to try next",
    ):
        assert words in shown

    # Another token in the environment must not come between the demo and its own platform.
    monkeypatch.setenv("SOURCES__CCAIP__API_TOKEN", "a tenant's")
    monkeypatch.setattr("pipelines.marts.build.transform", SHOWN_ALONE)
    second = run_demo(Home(tmp_path), SilentProgress(), days=1)
    shown = capsys.readouterr().out
    assert not second.first
    assert second.clock == first.clock + timedelta(hours=1)
    assert 0 < second.load.calls < first.load.calls / 4
    assert "an hour after the last run" in shown

    # The real API's limit was kept, and nobody listens any more.
    assert all(platform.stats.too_many == 0 for platform in served)
    assert not [thread for thread in threading.enumerate() if thread.name == "platform"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo"]

    # What it says to try next, works as printed.
    tried = [
        line.strip()
        for line in shown.partition("to try next:")[2].splitlines()
        if "demo status" in line or "-c" in line
    ]
    assert len(tried) == 2
    for line in tried:
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout


def test_the_demo_on_postgres_prints_the_same_tables(tmp_path, monkeypatch, capsys, postgres_server) -> None:
    import psycopg2

    server = postgres_server.credentials("callmart_demo")
    for name, value in server.items():
        monkeypatch.setenv(f"DESTINATION__POSTGRES__CREDENTIALS__{name.upper()}", str(value))
    with closing(psycopg2.connect(postgres_server.url("postgres").replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        connection.cursor().execute("create database callmart_demo")
    if "duckdb" not in TABLES:
        run_demo(Home(tmp_path), SilentProgress(), days=1)
        TABLES["duckdb"] = tables_in(capsys.readouterr().out)
    # the other marts, and dbt's tests, are built on Postgres by tests/marts/test_postgres.py
    monkeypatch.setattr("pipelines.marts.build.transform", SHOWN_ALONE)
    run_demo(Home(tmp_path), SilentProgress(), days=1, destination="postgres")
    assert "All queues" in TABLES["duckdb"]
    assert tables_in(capsys.readouterr().out) == TABLES["duckdb"]


def test_the_demo_does_not_load_into_a_tenants_database(tmp_path, monkeypatch) -> None:
    for name, value in {"host": "127.0.0.1", "username": "u", "database": "callmart", "port": "1"}.items():
        monkeypatch.setenv(f"DESTINATION__POSTGRES__CREDENTIALS__{name.upper()}", value)
    with pytest.raises(ConfigurationError, match="nothing was changed") as caught:
        run_demo(Home(tmp_path), SilentProgress(), days=1, destination="postgres")
    assert "callmart_demo" in caught.value.mend
