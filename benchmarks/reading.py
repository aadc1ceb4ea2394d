"""The requests and seconds of a first load: ten requests a second, 300 ms each, in real time."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from pipelines.ccaip.client import Client
from pipelines.ccaip.privacy.policy import KEEP_ALL, PrivacyFilter
from pipelines.ccaip.reader import Reader
from pipelines.ccaip.windows import tail_windows
from simulator.calls import CallVersion
from simulator.platform import Clock, Credentials, Platform

LATENCY_SECONDS = 0.3
_CALLS_PER_DAY = 4_000
_FIRST = datetime(2026, 3, 2, tzinfo=UTC)
_PAYLOAD = Path(__file__).parent.parent / "tests" / "fixtures" / "real_call_1418.json"


class Days:
    """4,000 calls a day, all in the daytime, so that calls are unevenly distributed."""

    def __init__(self, calls: int) -> None:
        random = Random(1)
        self._template = json.loads(_PAYLOAD.read_text())
        self._versions = [
            CallVersion(
                number + 1,
                _FIRST
                + timedelta(
                    days=number // _CALLS_PER_DAY, seconds=int(random.triangular(28_800, 72_000, 39_600))
                ),
            )
            for number in range(calls)
        ]
        self.end = max(version.updated_at for version in self._versions)

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        return self._versions

    def body(self, call_id: int, now: datetime) -> dict[str, Any]:
        changed = self._versions[call_id - 1].updated_at
        return self._template | {"id": call_id, "updated_at": changed.strftime("%Y-%m-%dT%H:%M:%S.000Z")}


def print_reading(calls: int) -> None:
    """Read `calls` calls, then nothing new; print requests per 100 calls and the time compared with the minimum."""
    source = Days(calls)
    clock = Clock.frozen(source.end + timedelta(hours=1))
    credentials = Credentials("user", "token")
    with (
        Platform(source, clock=clock, credentials=credentials, latency_seconds=LATENCY_SECONDS) as platform,
        Client(base_url=platform.base_url, username="user", api_token="token") as client,
    ):
        windows = tail_windows(None, _FIRST - timedelta(days=60), clock.now(), 60, 1_800)
        started, processor = time.monotonic(), time.process_time()
        read = 0
        waits: list[float] = []
        with Reader(client, windows, privacy=PrivacyFilter(KEEP_ALL)) as reader:
            asked = time.monotonic()
            for package in reader.packages():
                waits.append(time.monotonic() - asked)
                read += package.calls
                print(
                    f"  package of {package.calls:,} calls, {len(package.reads)} windows, after {waits[-1]:.1f} s"
                )
                asked = time.monotonic()
        seconds = time.monotonic() - started
        requests = platform.stats.requests
    assert read == calls, f"{read} of {calls} calls were read"
    print(
        f"{calls:,} calls: {100 * requests / calls:.3f} requests per 100 calls, {requests / seconds:.2f} a second; "
        f"{seconds:.1f} s, {seconds / (calls / 1000):.3f} × (calls / 1,000 a second); "
        f"CPU with the platform's {1e6 * (time.process_time() - processor) / calls:.0f} µs a call"
    )
