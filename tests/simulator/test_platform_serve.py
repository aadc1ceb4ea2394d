"""A platform that outlives its signal keeps its port, and the next demo fails for no visible reason."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

PROJECT = Path(__file__).parents[2]
COMMAND = """
from simulator.platform import Credentials, serve
from simulator.replay import ReplayFiles, clock_after
files = ReplayFiles(["tests/fixtures/documented_example_response.json"])
serve(files, clock=clock_after(files), credentials=Credentials("acme", "token"),
      on_ready=lambda platform: print(platform.base_url, flush=True))
print("stopped")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_served_platform_answers_and_stops_in_order_when_told(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        cwd=PROJECT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        base_url = process.stdout.readline().strip()
        answer = httpx.get(f"{base_url}/manager/api/v1/calls", auth=("acme", "token"))
        process.send_signal(number)
        rest, complaints = process.communicate(timeout=20)
    assert answer.json() == json.loads(
        (PROJECT / "tests/fixtures/documented_example_response.json").read_text()
    )
    assert (process.returncode, rest, complaints) == (0, "stopped\n", "")
