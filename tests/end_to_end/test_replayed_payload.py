"""The documented bodies and the real payload, from files to the warehouse by the commands a user types, and their marts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.extraction.test_explode import documented_calls
from tests.extraction.test_load import assert_equals_platform
from tests.keeping import KEEP_EVERYTHING
from tests.marts.workshop import Workshop

pytestmark = pytest.mark.slow

CALLMART = Path(sys.executable).parent / "callmart"
FIXTURES = Path(__file__).parent.parent / "fixtures"
FILES = ("real_call_1418.json", "documented_example_response.json", "documented_call_model.json")


class _Home:
    """Just the part of a home that the assertions need."""

    def __init__(self, root: Path) -> None:
        self.warehouse = root / "warehouse" / "callmart.duckdb"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> _Home:
    """A home after `callmart platform serve --replay …` and `callmart load`, with the marts that are looked at."""
    root = tmp_path_factory.mktemp("replay")
    serve = [CALLMART, "platform", "serve", "--port", "0", "--replay", *(FIXTURES / name for name in FILES)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as platform:
        try:
            said = ""
            while not (address := re.search(r"http://127\.0\.0\.1:\d+", said)):
                line = platform.stdout.readline()
                assert line, f"the platform ended: {said}"
                said += line
            environment = os.environ | {
                "SOURCES__CCAIP__BASE_URL": address.group(),
                "SOURCES__CCAIP__USERNAME": "demo",
                "SOURCES__CCAIP__API_TOKEN": "demo-token",
                **KEEP_EVERYTHING,
            }
            run = subprocess.run(
                [CALLMART, "--project-dir", root, "load"],
                env=environment,
                capture_output=True,
                check=False,
                text=True,
                timeout=280,
            )
        finally:
            platform.terminate()
    assert run.returncode == 0, run.stdout + run.stderr
    home = _Home(root)
    Workshop(tmp_path_factory.mktemp("dbt") / "work").build(
        home.warehouse, select=("resource_type:seed", "+fct_queue_segments", "+mart_agent_handle_time")
    )
    return home


def ask(home: _Home, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(query).fetchall()


def test_every_documented_leaf_stands_in_the_warehouse(home):
    assert_equals_platform(home, {call["id"]: call for call in documented_calls()})
    variants = ask(
        home,
        "select table_name, column_name from duckdb_columns() where column_name like '%\\_\\_v\\_%' escape '\\'",
    )
    assert not variants


def test_call_1418_has_two_answered_segments_in_service_level(home):
    segments = ask(
        home,
        "select wait_seconds, outcome, is_answered_in_sl, agent_id from marts.fct_queue_segments"
        " where call_id = 1418 order by idx",
    )
    assert segments == [(9, "answered", True, 5), (18, "answered", True, 5)]


def test_call_1418_has_two_handled_segments_with_their_wrap_up_folded_in(home):
    segments = ask(
        home,
        "select agent_id, talk_seconds, hold_seconds, acw_seconds, is_handled from marts.fct_handled_segments"
        " where call_id = 1418 order by started_at",
    )
    assert segments == [(5, 27, 5, 8, True), (5, 80, 0, 6, True)]
    (mart,) = ask(
        home,
        "select handled_segments, handled_calls, talk_seconds, hold_seconds, acw_seconds, handle_seconds,"
        " average_handle_time from marts.mart_agent_handle_time where agent_id = 5 and local_date = '2026-03-23'",
    )
    assert mart == (2, 1, 107, 5, 14, 126, 63.0)
