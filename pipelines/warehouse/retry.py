"""Reads the rejected calls again, with today's code: `callmart rejected --retry`.

The bodies are in the warehouse, so the API is not asked. A call that can be read now lands as any other
does, unless the warehouse has a newer version of it, and leaves `rejected_calls` in the same load package.
One that still cannot be read stays, with today's reason and one more attempt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pyarrow as pa

from pipelines.ccaip import drift
from pipelines.ccaip.client import FetchedCall, read_calls
from pipelines.ccaip.gather import Chunk, Gatherer
from pipelines.ccaip.source import NAME, record_schema
from pipelines.ccaip.tables import DRIFT, REJECTED_CALLS
from pipelines.ccaip.windows import FUTURE, Window
from pipelines.errors import CallmartError
from pipelines.home import Home
from pipelines.progress import Progress, Stage
from pipelines.settings import Settings
from pipelines.warehouse.asking import ask, ask_rows, existing_tables
from pipelines.warehouse.drifts import new_only
from pipelines.warehouse.landing import Landing
from pipelines.warehouse.merging import Change

_AT_ONCE = 2_000  # calls; about 20 MB of JSON


@dataclass
class RetryReport:
    """What reading again came to: calls `tried`, of them `landed`, `still_rejected`, and the rest `outdated`:
    the warehouse has a newer version of them. `new_drift` is what nobody was told of before."""

    tried: int = 0
    landed: int = 0
    still_rejected: int = 0
    new_drift: Counter[drift.Drift] = field(default_factory=Counter)

    @property
    def outdated(self) -> int:
        """Calls that can be read now, and of which the warehouse has a newer version."""
        return self.tried - self.landed - self.still_rejected


def retry(settings: Settings, home: Home, progress: Progress) -> RetryReport:
    """Read every rejected call again and land those that can be read now.

    Raises `QualityError` when one of them breaks the contract `fatal_drift`, and `CallmartError` when they
    cannot land; what has landed before stays.
    """
    report, run_id = RetryReport(), uuid4().hex
    seen: Counter[drift.Drift] = Counter()
    with (
        Landing(home, settings.warehouse) as landing,
        Gatherer() as gatherer,
        progress.stage("read rejected calls again", unit="calls") as stage,
    ):
        # a call that is dated later than this is misdated, and gives way to the one that was rejected
        now = max(
            datetime.now(UTC), landing.cursor.until if landing.cursor else datetime.min.replace(tzinfo=UTC)
        )
        for kept in _kept(landing, stage):
            chunk = _read_again(gatherer, kept, stage)
            drift.enforce(chunk.drift, settings.fatal_drift)
            seen += chunk.drift
            report.new_drift |= new_only(landing.connection, seen)
            landed = landing.land(
                chunk, None, now + FUTURE, {DRIFT.name: Change(drift.rows(seen, run_id, datetime.now(UTC)))}
            )
            if landed is None or landed.problems:
                raise CallmartError(
                    "Rejected calls that can be read now could not land.",
                    "They are kept. The log says why; run it again when that is mended.",
                )
            report.tried += len(kept)
            report.landed += sum(landed.calls)
            report.still_rejected += sum(chunk.rejected)
    return report


def _kept(landing: Landing, stage: Stage) -> Iterator[list[dict[str, Any]]]:
    """The rejected calls with their bodies, some at a time, oldest first: as they are before any is tried."""
    name = f"{NAME}.{REJECTED_CALLS.name}"
    if REJECTED_CALLS.name not in existing_tables(landing.connection):
        return
    keys = [
        key for (key,) in ask_rows(landing.connection, f"select call_key from {name} order by rejected_at")
    ]
    stage.expect(len(keys))
    for place in range(0, len(keys), _AT_ONCE):
        wanted = pa.table({"call_key": pa.array(keys[place : place + _AT_ONCE], pa.string())})
        query = f"select * from {name} semi join wanted using (call_key)"
        yield ask(landing.connection, query, wanted=wanted).to_pylist()


def _read_again(gatherer: Gatherer, kept: list[dict[str, Any]], stage: Stage) -> Chunk:
    """A chunk of the calls as today's code reads them, which also says what becomes of their kept rows."""
    calls = [_as_fetched(row["body"].encode()) for row in kept]
    whole = Window(
        min(row["window_from"] for row in kept), max(row["window_until"] for row in kept), why="heal"
    )
    chunk = gatherer.regather([calls], whole, stage)
    before = {call.key: row for call, row in zip(calls, kept, strict=True)}
    rejected = chunk.tables[REJECTED_CALLS.name].to_pylist()
    for row in rejected:
        came = before[row["call_key"]]
        row |= {"window_from": came["window_from"], "window_until": came["window_until"]}
    table = pa.Table.from_pylist(rejected, record_schema(REJECTED_CALLS))
    keys = pa.chunked_array([[row["call_key"] for row in kept]], pa.string())
    return replace(chunk, tables=chunk.tables | {REJECTED_CALLS.name: table}, readable=keys)


def _as_fetched(body: bytes) -> FetchedCall:
    """The call as though the API had just sent it."""
    try:
        (call,) = read_calls(b"[" + body + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return FetchedCall(None, None, body)
    return call
