"""A scheduler acts on the exit code: retry, wait, or wake somebody up."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import duckdb
import httpx
import pytest

from pipelines.home import REPOSITORY, Home
from pipelines.lock import locked
from tests.shared import CALLMART

TOKEN = "tok-5ecret-never-shown"
FIXTURES = REPOSITORY / "tests" / "fixtures"
API = {
    "SOURCES__CCAIP__BASE_URL": "http://127.0.0.1:1",
    "SOURCES__CCAIP__USERNAME": "acme",
    "SOURCES__CCAIP__API_TOKEN": TOKEN,
    "PRIVACY__KEY": "a-key-of-nobody-s",
}


@pytest.fixture
def deaf_api() -> Iterator[dict[str, str]]:
    """Settings of an API that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield API | {"SOURCES__CCAIP__BASE_URL": f"http://127.0.0.1:{listener.getsockname()[1]}"}


def test_2_when_a_setting_is_missing(callmart) -> None:
    callmart.settings()
    shown = callmart.process("load")
    assert shown.returncode == 2
    assert shown.stdout == ""
    assert "export SOURCES__CCAIP__API_TOKEN=" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_traceback_is_shown_when_asked_for(callmart) -> None:
    callmart.settings()
    assert "Traceback" in callmart("load", "--traceback").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("nosuch",),
        ("load", "--nosuch"),
        ("backfill", "--from", "2026-01-01"),
        ("backfill", "--from", "yesterday", "--to", "2026-01-01"),
        ("backfill", "--from", "2026-01-02", "--to", "2026-01-01"),
        ("platform", "serve", "stray.json"),
        ("platform", "serve", "--clock", "noon"),
        ("platform", "serve", "--fault", "nosuch"),
        ("platform", "serve", "--replay", "/nowhere/calls.json"),
    ],
    ids=" ".join,
)
def test_2_when_an_argument_is_wrong(arguments, callmart) -> None:
    shown = callmart(*arguments)
    assert shown.returncode == 2, shown.stderr
    assert "Traceback" not in shown.stderr


def test_3_when_the_api_refuses_the_credentials_which_are_never_shown(callmart) -> None:
    with callmart.replayed(FIXTURES / "real_call_1418.json") as env:
        shown = callmart("load", "--verbose", "--traceback", **(env | {"SOURCES__CCAIP__API_TOKEN": TOKEN}))
    assert shown.returncode == 3, shown.stderr
    log = (callmart.root / "var" / "logs" / "callmart.log").read_text()
    assert TOKEN not in shown.stdout + shown.stderr + log


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_load_ends_at_once_and_lets_the_lock_go(number, code, callmart, deaf_api) -> None:
    process = callmart.start("load", **deaf_api)
    assert process.stdout is not None
    assert "load calls: started" in process.stdout.readline()
    process.send_signal(number)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert "what was loaded stays" in said
    assert "Run `callmart load` again: it continues from there" in said
    with locked(Home(callmart.root), "load"):
        pass


INTERRUPTED = """
import signal, sys
from pipelines.cli.app import main
from pipelines import status

def read_status(home, settings):
    try:
        signal.raise_signal(int(number))
    except BaseException as interruption:
        raise RuntimeError("Query interrupted") from interruption  # DuckDB's words

number = sys.argv.pop()
status.read_status = read_status
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_interrupted_in_a_query_was_interrupted_and_has_not_failed(
    number, code, callmart
) -> None:
    """What a signal's handler raises comes out of DuckDB as the cause of an error of its own."""
    callmart.root.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, "status", str(int(number))],
        env=callmart.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Unexpected" not in done.stderr


def test_a_wrong_instant_is_told_with_its_option_and_value(callmart) -> None:
    shown = callmart("backfill", "--from", "yesterday", "--to", "2026-01-01")
    assert "--from yesterday is not an ISO date" in " ".join(shown.stderr.replace("│", " ").split())


def test_a_start_date_in_the_future_is_an_error(callmart) -> None:
    callmart.settings('[sources.ccaip]\nstart_date = "2999-01-01"')
    with callmart.replayed(FIXTURES / "real_call_1418.json") as env:
        shown = callmart("load", **(env | {"SOURCES__CCAIP__START_DATE": "2999-01-01"}))
    assert shown.returncode == 2, shown.stdout
    assert "start_date 2999-01-01T00:00:00Z is in the future" in shown.stderr


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("latin-1", marks=pytest.mark.long)])
def test_a_console_without_unicode_gets_plain_characters(encoding, callmart) -> None:
    callmart.root.mkdir()
    shown = callmart.process("status", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert shown.returncode == 0, shown.stderr
    assert "Newest change" in shown.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_platform_stops_when_it_is_told_to(number, callmart) -> None:
    with callmart.platform("--days", "1", "--speed", "0") as (process, env):
        assert set(env) == {"PRIVACY__KEY"} | {
            f"SOURCES__CCAIP__{name}" for name in ("BASE_URL", "USERNAME", "API_TOKEN", "START_DATE")
        }
        process.send_signal(number)
        assert process.wait(timeout=15) == 0


def test_the_platform_answers_with_the_faults_that_it_is_asked_for(callmart) -> None:
    arguments = (
        "--replay",
        FIXTURES / "real_call_1418.json",
        "--fault",
        "server-error",
        "--fault-share",
        "1",
    )
    with callmart.platform(*arguments) as (_, env):
        answers = [
            httpx.get(
                env["SOURCES__CCAIP__BASE_URL"] + "/manager/api/v1/calls",
                auth=(env["SOURCES__CCAIP__USERNAME"], env["SOURCES__CCAIP__API_TOKEN"]),
            ).status_code
            for _ in range(4)
        ]
    assert answers == [500, 500, 500, 200], "never more than three in a row"


def limited(callmart, *arguments: str, bytes_in_a_file: int, **env: str) -> subprocess.CompletedProcess[str]:
    """The command with files that may not grow: what a full disk comes to, without one."""
    limits = (bytes_in_a_file, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    return subprocess.run(
        [*CALLMART, *arguments],
        # Python would cut its compiled modules too
        env=callmart.environment(PYTHONDONTWRITEBYTECODE="1", **env), capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits),
    )  # fmt: skip


def test_a_full_disk_is_told_as_one_and_not_as_an_unexpected_error(callmart, deaf_api) -> None:
    done = limited(callmart, "load", bytes_in_a_file=4096, **deaf_api)
    assert done.returncode == 1, done.stderr
    assert "The disk is full" in done.stderr
    assert "Unexpected" not in done.stderr
    assert "Traceback" not in done.stderr, "the log cannot be written either"


def without_root(arguments: list[str]) -> list[str]:
    """The command line with the rights of the files' owner only, also for root."""
    if os.getuid() != 0:
        return arguments
    if not (setpriv := shutil.which("setpriv")):
        pytest.skip("root needs the command setpriv to be refused anything")
    return [setpriv, "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search", *arguments]


@pytest.mark.parametrize(
    ("place", "mode"),
    [("", 0o555), ("var", 0o555), ("var/callmart.lock", 0), ("var/logs/callmart.log", 0o444), (".dlt/secrets.toml", 0)],
)  # fmt: skip
def test_2_when_a_file_or_folder_may_not_be_used(place, mode, callmart, deaf_api) -> None:
    callmart.settings()
    if place.startswith("var"):
        Home(callmart.root).activate()
        (callmart.root / "var" / "callmart.lock").touch()
        (callmart.root / "var" / "logs" / "callmart.log").touch()
    (callmart.root / place).chmod(mode)
    done = subprocess.run(
        without_root([*CALLMART, "load"]),
        env=callmart.environment(**deaf_api), capture_output=True, text=True, check=False,
    )  # fmt: skip
    (callmart.root / place).chmod(0o700)
    assert done.returncode == 2, done.stderr
    assert "Permission denied" in done.stderr
    assert str(callmart.root) in done.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("NO_PROXY", "localhost,fd00::/8"), ("SSL_CERT_FILE", "/nowhere.pem")]
)
def test_2_when_the_environment_cannot_be_read_by_the_http_library(name, value, callmart, deaf_api) -> None:
    done = callmart("load", **deaf_api, **{name: value})
    assert done.returncode == 2, done.stderr
    assert f"The environment variable {name} cannot be used" in done.stderr


def test_4_when_another_program_has_the_warehouse_open_during_a_transform(callmart) -> None:
    Home(callmart.root).activate()
    file = Home(callmart.root).warehouse
    with duckdb.connect(str(file)):
        done = callmart.process("transform")
    assert done.returncode == 4, done.stderr


def test_1_when_the_warehouse_is_damaged(callmart) -> None:
    Home(callmart.root).activate()
    file = Home(callmart.root).warehouse
    duckdb.connect(str(file)).close()
    content = bytearray(file.read_bytes())
    content[4100] ^= 0xFF
    file.write_bytes(content)
    for command in ("transform", "status", "load"):
        done = callmart(command, **API)
        assert done.returncode == 1, done.stderr
        assert "is damaged" in done.stderr
