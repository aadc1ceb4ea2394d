"""A dead schedule and a failed load that nobody hears of; an alert that makes a load fail, wait or tell a secret."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.alerts import LIMIT_SECONDS, Alerts
from pipelines.home import REPOSITORY, Home
from pipelines.lock import locked
from pipelines.runs import Run, read_runs, record, schedule_kept
from tests.cli.receiver import Receiver, receiving

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CALL = REPOSITORY / "tests" / "fixtures" / "real_call_1418.json"
SECRET = "path-that-is-a-secret"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as received:
        yield received


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "var").mkdir()
    return Home(tmp_path)


def alert_settings(receiver: Receiver) -> str:
    return f'[alerts]\nping_url = "{receiver.url}/{SECRET}/"\nwebhook_url = "{receiver.url}/{SECRET}"\n'


def test_a_load_pings_start_and_exit_code_in_this_order(callmart, receiver) -> None:
    callmart.settings(alert_settings(receiver))
    with callmart.replayed(CALL) as env:
        done = callmart("load", **env)
    assert done.returncode == 0, done.stderr
    assert receiver.paths == [f"/{SECRET}/start", f"/{SECRET}/0"]
    (run,) = read_runs(Home(callmart.root))
    assert (run.command, run.exit_code) == ("load", 0)
    assert run.requests and run.loaded_until


@pytest.mark.parametrize("file", ["config", "secrets"])
def test_a_failed_load_is_told_with_its_exit_code_and_without_the_secret_address(
    callmart, receiver, file
) -> None:
    callmart.settings(**{file: alert_settings(receiver)})
    failed = callmart("load", "--verbose")
    assert failed.returncode == 2
    assert receiver.paths == [f"/{SECRET}/2"]
    assert receiver.texts == [
        "`callmart load` ended with exit code 2: a setting is wrong. See `callmart status`."
    ]
    receiver.status = 500
    assert callmart("transform", "--verbose").returncode == 6
    log = (callmart.root / "var" / "logs" / "callmart.log").read_text()
    assert "an alert was not accepted: status 500" in log
    assert SECRET not in failed.stdout + failed.stderr + log


def test_a_command_that_nobody_schedules_sends_nothing(callmart, receiver) -> None:
    callmart.settings(alert_settings(receiver))
    assert callmart("publish").returncode == 1
    assert receiver.paths == receiver.texts == []
    assert read_runs(Home(callmart.root)) == ()


def test_a_load_that_another_one_keeps_out_sends_nothing(callmart, receiver) -> None:
    callmart.settings(alert_settings(receiver))
    home = Home(callmart.root)
    home.lock_file.parent.mkdir()
    with locked(home, "load"):
        assert callmart("transform").returncode == 4
    assert receiver.paths == receiver.texts == []
    assert read_runs(home) == ()


@pytest.mark.parametrize("kind", ["deaf", "closed", "no_name", "unreadable_proxy"])
def test_an_alert_that_cannot_be_sent_costs_two_seconds_at_most_and_no_exit_code(kind, home, caplog) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = {
            "deaf": f"http://127.0.0.1:{deaf.getsockname()[1]}",
            "closed": "http://127.0.0.1:1",
            "no_name": "http://nobody.invalid",
            "unreadable_proxy": "http://127.0.0.1:1",
        }[kind]
        with pytest.MonkeyPatch.context() as environment:
            if kind == "unreadable_proxy":
                environment.setenv("NO_PROXY", "localhost,fd00::/8")
            alerts = Alerts(f"{url}/{SECRET}", f"{url}/{SECRET}")
            begun = time.monotonic()
            alerts.started()
            assert time.monotonic() - begun < 0.3, "the command does not wait for the monitor"
            alerts.finished(home, "load", 1, None, NOW)
            assert time.monotonic() - begun < LIMIT_SECONDS + 0.5
    assert "an alert" in caplog.text
    assert SECRET not in caplog.text + repr(alerts)


def test_a_wrong_address_is_an_error_that_does_not_show_it(callmart) -> None:
    callmart.settings(f'[alerts]\nwebhook_url = "hooks.example.com/{SECRET}"\n')
    failed = callmart("load")
    assert failed.returncode == 2
    assert "[alerts] webhook_url" in failed.stderr
    assert "is not an http(s) address" in failed.stderr
    assert SECRET not in failed.stderr


def test_a_state_is_told_once_until_it_changes(home, receiver) -> None:
    alerts = Alerts(webhook_url=receiver.url)

    def told(command: str, exit_code: int, age: timedelta | None = None) -> str:
        """What is sent when the command ends so; `age` is that of the calls."""
        receiver.texts.clear()
        alerts.finished(home, command, exit_code, NOW - age if age else None, NOW)
        assert len(receiver.texts) <= 1
        return "".join(receiver.texts)

    minute = timedelta(minutes=1)
    assert told("run", 0, minute) == "", "all well from the first run on"
    assert "`callmart run` ended with exit code 1" in told("run", 1)
    assert told("run", 1) == ""
    assert told("run", 3) == told("run", 143) == "", "the next run decides"
    assert "exit code 6" in told("run", 6)
    assert "`callmart reconcile` ended with exit code 5" in told("reconcile", 5)
    assert told("run", 0, minute) == "`callmart run` works again."
    assert told("run", 0, minute) == ""
    assert told("reconcile", 5) == "", "another command's success is no recovery"
    assert told("run", 3, 119 * minute) == ""
    stale = told("run", 3, 150 * minute)
    assert stale == "The calls are 2 h old: the last complete load reached 2026-03-02 09:30 UTC."
    assert told("run", 3, 180 * minute) == ""
    both = told("run", 1, 240 * minute)
    assert both.startswith("`callmart run` ended with exit code 1")
    assert "old" not in both
    recovered = "`callmart run` works again.\nThe calls are up to date again: the last load reached 2026-03-02 11:59 UTC."
    assert told("run", 0, minute) == recovered


def test_a_message_that_was_not_accepted_is_sent_by_the_next_run(home, receiver) -> None:
    alerts = Alerts(webhook_url=receiver.url)
    receiver.status = 503
    alerts.finished(home, "run", 1, None, NOW)
    receiver.status = 200
    alerts.finished(home, "run", 1, None, NOW)
    alerts.finished(home, "run", 1, None, NOW)
    assert len(receiver.texts) == 2


@pytest.mark.parametrize("damage", ["", "[1]", "{", '{"run": 7}'])
def test_damaged_records_are_no_reason_to_fail(damage, home, receiver) -> None:
    for name in ("alerts.json", "runs.json"):
        (home.root / "var" / name).write_text(damage)
    record(home, Run("run", NOW, 1.5, 1))
    Alerts(webhook_url=receiver.url).finished(home, "run", 1, None, NOW)
    assert len(receiver.texts) == 1
    assert read_runs(home) == (Run("run", NOW, 1.5, 1),)


def test_the_record_stays_small_and_keeps_the_last_success_of_every_command(home) -> None:
    record(home, Run("reconcile", NOW, 1.0, 0))
    record(home, Run("run", NOW, 1.0, 0, 3, NOW))
    for minute in range(60):
        record(home, Run("reconcile", NOW, 1.0, 5))
        record(home, Run("run", NOW + timedelta(minutes=minute), 1.0, 3))
    runs = read_runs(home)
    assert len(runs) == 62
    assert runs[:2] == (Run("reconcile", NOW, 1.0, 0), Run("run", NOW, 1.0, 0, 3, NOW))
    assert runs[-1] == Run("run", NOW + timedelta(minutes=59), 1.0, 3)


def test_a_schedule_is_kept_or_not_or_not_known_yet() -> None:
    quarter = timedelta(minutes=15)
    runs = [Run("run", NOW + number * quarter, 60.0, 0) for number in range(4)]
    assert schedule_kept(runs[:3], NOW) is None
    assert schedule_kept(runs, runs[-1].started_at + quarter) == (True, quarter)
    assert schedule_kept(runs, runs[-1].started_at + 3 * quarter) == (False, quarter)
    nightly = [Run("reconcile", NOW, 1.0, 0)]
    assert schedule_kept([*runs, *nightly], runs[-1].started_at + quarter) == (True, quarter)


SAMPLE = re.compile(r'(callmart_[a-z_]+)(?:\{command="[a-z]+"\})? (-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)')


def test_the_metrics_are_valid_and_written_in_one_step_for_the_node_exporter(callmart, tmp_path) -> None:
    with callmart.replayed(CALL) as env:
        assert callmart("load", **env).returncode == 0
        assert callmart("load", **env | {"SOURCES__CCAIP__API_TOKEN": "wrong"}).returncode == 3
    folder = tmp_path / "textfile"
    folder.mkdir()
    file = folder / "callmart.prom"
    done = callmart("status", "--prometheus", file)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [each.name for each in folder.iterdir()] == ["callmart.prom"]
    assert file.stat().st_mode & 0o777 == 0o644, "the node exporter is another user"

    text = file.read_text()
    assert text.endswith("\n")
    values, described, typed = {}, [], []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            described.append(line.split()[2])
        elif line.startswith("# TYPE "):
            assert line.split()[3] == "gauge"
            typed.append(line.split()[2])
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            assert sample[1] == typed[-1], "samples follow their type"
            values[line.rpartition(" ")[0]] = float(sample[2])
    assert described == typed
    assert len(set(typed)) == len(typed)
    assert values["callmart_calls"] == 1
    assert values["callmart_rejected_calls"] == 0
    assert values['callmart_last_run_exit_code{command="load"}'] == 3
    assert 'callmart_last_run_requests{command="load"}' not in values, "not known of a load that failed"
    until = values["callmart_tail_until_timestamp_seconds"]
    assert until + values["callmart_lag_seconds"] == pytest.approx(time.time(), abs=60)
    success = values['callmart_last_success_timestamp_seconds{command="load"}']
    assert success < values['callmart_last_run_timestamp_seconds{command="load"}']
    assert callmart("status", "--prometheus").stdout.splitlines()[0] == text.splitlines()[0]


def test_metrics_that_cannot_be_written_are_a_wrong_argument(callmart) -> None:
    callmart.root.mkdir()
    for arguments in (("--prometheus", "/nowhere/callmart.prom"), ("/tmp/callmart.prom",)):
        done = callmart("status", *arguments)
        assert done.returncode == 2, done.stdout
        assert "Traceback" not in done.stderr
