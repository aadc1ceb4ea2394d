"""The first thing a newcomer runs, in small: one day of calls, then an hour more."""

from __future__ import annotations

import subprocess
import threading
from datetime import timedelta
from functools import partial

import pytest

from pipelines.demo import START, run_demo
from pipelines.home import Home
from pipelines.marts.build import transform
from pipelines.progress import SilentProgress
from simulator.platform import Platform

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("kept_environment")]


def test_the_demo_shows_the_marts_and_the_second_run_loads_only_an_hour(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    served: list[Platform] = []
    enter = Platform.__enter__
    monkeypatch.setattr(Platform, "__enter__", lambda self: served.append(self) or enter(self))

    first = run_demo(Home(tmp_path), SilentProgress(), days=1)
    shown = capsys.readouterr().out
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
    # Nor need dbt's tests pass once more.
    monkeypatch.setattr("pipelines.marts.build.transform", partial(transform, with_tests=False))
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
