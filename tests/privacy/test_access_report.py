"""A person asks what is held of them, and for what is held to be erased: the commands as they are typed."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ccaip.tables import Privacy
from pipelines.lock import locked
from tests.cli.conftest import Command
from tests.extraction.conftest import TOKEN, USER
from tests.privacy.callers import (
    ADA,
    ADA_MAIL,
    ADA_PHONE,
    JANE_MAIL,
    KEY,
    NEEDLES,
    Machine,
    loaded,
    traces,
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with loaded(tmp_path_factory.mktemp("asked") / "home") as machine:
        yield machine


@pytest.fixture
def callmart(machine: Machine, tmp_path: Path) -> Command:
    command = Command(machine.home.root, tmp_path / "elsewhere", tmp_path / "user")
    command.cwd.mkdir()
    command.user_home.mkdir()
    command.env = {"PRIVACY__KEY": KEY} | {
        f"PRIVACY__{each.name}": "keep" for each in Privacy if each is not Privacy.NONE
    }
    return command


def test_an_access_report_has_all_of_the_person_and_nothing_of_anybody_else(
    callmart: Command, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    file.touch(0o644)
    shown = callmart("access-report", "--identifier", ADA_PHONE, "--out", file)
    assert shown.returncode == 0, shown.stderr
    assert ADA not in shown.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    report = json.loads(file.read_text())
    assert report["callers"] == [ADA]
    assert ADA_MAIL in report["identifiers"]
    assert report["mentioned_elsewhere"] == {"calls.custom_data_not_secured": 1}
    assert [call["id"] for call in report["tables"]["calls"]] == [1, 2, 4]
    assert [party["call_id"] for party in report["tables"]["participants"]] == [1, 2, 3]
    assert [call["call_key"] for call in report["tables"]["rejected_calls"]] == ["7"]
    del report["tables"]["rejected_calls"]  # kept as it came, agent and all
    text = json.dumps(report)
    assert all(needle in text for needle in NEEDLES)
    assert JANE_MAIL not in text
    assert "Bob" not in text


def test_what_would_go_is_shown_and_then_goes_and_the_person_is_in_no_output(
    callmart: Command, machine: Machine
) -> None:
    with locked(machine.home, "load"):
        assert callmart("forget", "--end-user", ADA).returncode == 4
    shown = callmart("forget", "--end-user", ADA, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "3 calls would be made anonymous" in shown.stdout
    done = callmart("forget", "--end-user", ADA, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["calls"], told["parties"], told["dry_run"]) == (3, 1, False)
    assert traces(machine.home.root, *NEEDLES) == set()
    assert callmart("access-report", "--end-user", ADA).returncode == 1
    again = callmart("forget", "--end-user", ADA)
    assert again.returncode == 0
    assert "was erased" in again.stdout
    assert callmart("forget", "--identifier", "+19995550000").returncode == 1
    for shown in (done, again):
        assert not any(needle in shown.stdout + shown.stderr for needle in NEEDLES)


def test_without_a_key_or_without_a_person_it_ends_with_2(callmart: Command) -> None:
    without_key = callmart("forget", "--end-user", ADA, PRIVACY__KEY="")
    assert without_key.returncode == 2
    assert "callmart privacy make-key" in without_key.stderr
    for arguments in ([], ["--end-user", ADA, "--call", "1"], ["--call", "one"], ["--end-user", ""]):
        assert callmart("forget", *arguments).returncode == 2


def test_files_are_their_owners_alone(callmart: Command, machine: Machine, tmp_path: Path) -> None:
    """Under the usual umask, with the warehouse in a folder that everybody may look into."""
    home, shared = tmp_path / "fresh", tmp_path / "shared"
    shared.mkdir(0o755)
    callmart.root = home
    callmart.settings()
    callmart.env = {
        "SOURCES__CCAIP__BASE_URL": machine.platform.base_url,
        "SOURCES__CCAIP__USERNAME": USER,
        "SOURCES__CCAIP__API_TOKEN": TOKEN,
        "DESTINATION__DUCKDB__CREDENTIALS": str(shared / "calls.duckdb"),
        "SOURCES__CCAIP__START_DATE": "2026-03-02",
        "SOURCES__CCAIP__REJECTED_SHARE": "1",
    }
    secrets = home / ".dlt" / "secrets.toml"
    before = set(home.rglob("*"))
    assert callmart("privacy", "make-key").returncode == 0
    loaded_ = callmart("load")
    assert loaded_.returncode == 0, loaded_.stderr
    rotated = callmart("privacy", "rotate-key")
    assert rotated.returncode == 0, rotated.stderr
    assert callmart("load").returncode == 0
    modes = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in (set(home.rglob("*")) - before) | set(shared.iterdir())
    }
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert shared / "calls.duckdb" in modes
