"""What a scheduler sees of `callmart reconcile`: its exit code, its JSON, and that it takes the lock."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipelines.lock import locked
from tests.cli.conftest import Command
from tests.extraction.conftest import TOKEN, USER
from tests.keeping import KEEP_EVERYTHING
from tests.reconcile.conftest import Centre


@pytest.fixture
def callmart(centre: Centre, tmp_path: Path) -> Command:
    command = Command(centre.home.root, tmp_path / "elsewhere", tmp_path / "user")
    command.cwd.mkdir()
    command.user_home.mkdir()
    command.env = {
        "SOURCES__CCAIP__BASE_URL": centre.platform.base_url,
        "SOURCES__CCAIP__USERNAME": USER,
        "SOURCES__CCAIP__API_TOKEN": TOKEN,
        "SOURCES__CCAIP__REQUESTS_PER_SECOND": "1000",
        **KEEP_EVERYTHING,
    }
    return command


def test_a_difference_ends_with_5_and_a_healed_one_with_0(callmart, centre):
    centre.by_hand("delete from ccaip.calls where id in (5, 30)")
    found = callmart("reconcile")
    assert found.returncode == 5, found.stderr
    assert "Missing: 2: 5, 30" in found.stdout
    assert "2 calls are missing or stale" in found.stderr
    assert "callmart reconcile --heal" in found.stderr
    assert re.search(r"compare, about \d+ requests: started", found.stderr)  # told before they are sent
    assert re.search(r"differ: \d+ requests", found.stdout)
    healed = callmart("reconcile", "--heal", "--json")
    assert healed.returncode == 0, healed.stderr
    told = json.loads(healed.stdout)
    assert told["healed"] == told["missing"] == [5, 30]
    assert told["since"] == "2026-02-25T00:00:00Z"


def test_while_another_callmart_is_at_work_it_ends_with_4(callmart, centre):
    with locked(centre.home, "load"):
        assert callmart("reconcile").returncode == 4


@pytest.mark.parametrize("dates", [("--from", "yesterday"), ("--from", "2026-03-03", "--to", "2026-03-02")])
def test_wrong_dates_end_with_2(callmart, dates):
    assert callmart("reconcile", *dates).returncode == 2


def test_before_the_first_load_it_says_what_to_do(callmart, centre):
    centre.home.warehouse.unlink()
    shown = callmart("reconcile")
    assert shown.returncode == 1
    assert "Load calls first" in shown.stderr
