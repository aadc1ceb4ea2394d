"""Two loads at once would fight over dlt's state: the second one waits its turn, and knows for whom."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from pipelines.errors import LockedError
from pipelines.home import Home
from pipelines.lock import locked, read_holder

HOLD = (
    "import sys, time, pathlib; from pipelines.home import Home; from pipelines.lock import locked\n"
    "with locked(Home(pathlib.Path(sys.argv[1])), 'backfill'): print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def home(tmp_path) -> Home:
    (tmp_path / "var").mkdir()
    return Home(tmp_path)


@pytest.fixture
def holder(home: Home):
    process = subprocess.Popen([sys.executable, "-c", HOLD, home.root], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_the_second_is_told_who_works_there(home: Home, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(LockedError) as caught, locked(home, "load"):
        pass
    assert f"`callmart backfill`, process {holder.pid} on " in str(caught.value)
    assert str(home.root) in str(caught.value)
    assert "--project-dir" in caught.value.mend


def test_a_killed_holder_blocks_nobody(home: Home, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert read_holder(home) is not None, "the stale note is still there, and must not matter"
    with locked(home, "load"):
        assert read_holder(home).pid == os.getpid()


def test_the_lock_is_let_go_when_the_work_fails(home: Home) -> None:
    with pytest.raises(RuntimeError), locked(home, "load"):
        raise RuntimeError
    with locked(home, "load"):
        pass
    assert read_holder(home) is None


def test_another_home_is_free(home: Home, holder: subprocess.Popen[str], tmp_path) -> None:
    other = Home(tmp_path / "other")
    (other.root / "var").mkdir(parents=True)
    with locked(other, "load"):
        pass


@pytest.mark.parametrize("note", ["", "{", "[]", '{"pid": 1}'])
def test_a_note_that_cannot_be_read_still_leaves_an_error_that_makes_sense(note, home, holder) -> None:
    (home.root / "var" / "callmart.holder.json").write_text(note)
    with pytest.raises(LockedError, match="Another callmart is running"), locked(home, "load"):
        pass


@pytest.mark.parametrize("command", ["load", "run", "transform"])
def test_every_writing_command_gives_way(command, callmart) -> None:
    callmart("status")
    api = {
        "SOURCES__CCAIP__BASE_URL": "http://127.0.0.1:9",
        "SOURCES__CCAIP__USERNAME": "acme",
        "SOURCES__CCAIP__API_TOKEN": "token",
    }
    with locked(Home(callmart.root), "run"):
        shown = callmart(command, **api)
    assert shown.returncode == 4
    assert f"process {os.getpid()}" in shown.stderr
    assert "Traceback" not in shown.stderr
