"""Reads the rejected calls again, with today's code: `callmart rejected --retry`.

A call whose body was kept whole is read from the warehouse. Of others the privacy policy has kept a part,
which must never land for the call itself: the API is asked for them again, by their ids. A call that can be
read now lands as any other does, unless the warehouse has a newer version of it, and leaves `rejected_calls`
in the same load package. One that still cannot be read stays, with today's reason and one more attempt; so
does one that the API does not show, as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa

from pipelines.ccaip import drift
from pipelines.ccaip.client import PER_PAGE, Client
from pipelines.ccaip.gather import Gatherer, Package
from pipelines.ccaip.page import FetchedCall, read_calls
from pipelines.ccaip.schema import NAME, record_schema
from pipelines.ccaip.tables import DRIFT, REJECTED_CALLS
from pipelines.ccaip.windows import FUTURE, Window
from pipelines.errors import CallmartError
from pipelines.home import Home
from pipelines.progress import Progress, Stage
from pipelines.settings import Settings, require_api
from pipelines.warehouse.asking import ask, ask_rows, existing_tables
from pipelines.warehouse.compare import call_id
from pipelines.warehouse.connect import require_duckdb
from pipelines.warehouse.drifts import new_only
from pipelines.warehouse.erasure_requests import forgotten_in
from pipelines.warehouse.landing import Landing
from pipelines.warehouse.merging import Change

_AT_ONCE = 2_000  # calls; about 20 MB of JSON


@dataclass
class RetryReport:
    """What reading again came to: calls `tried`, of them `landed`, `still_rejected`, and the rest `outdated`:
    the warehouse has a newer version of them. `out_of_reach` are those that were kept in part and that the API
    does not show. `new_drift` is what nobody was told of before."""

    tried: int = 0
    landed: int = 0
    still_rejected: int = 0
    out_of_reach: int = 0
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
    require_duckdb(settings, "rejected --retry")
    privacy = settings.privacy_filter()
    report, run_id = RetryReport(), uuid4().hex
    seen: Counter[drift.Drift] = Counter()
    with (
        Landing(home, settings.warehouse) as landing,
        Gatherer(privacy, forgotten_in(landing.connection, settings.privacy_key)) as gatherer,
        progress.stage("read rejected calls again", unit="calls") as stage,
    ):
        # a call that is dated later than this is misdated, and gives way to the one that was rejected
        now = max(
            datetime.now(UTC), landing.cursor.until if landing.cursor else datetime.min.replace(tzinfo=UTC)
        )
        for kept in _kept(landing, stage):
            calls = _calls(kept, settings, home)
            report.out_of_reach += len(kept) - len(calls)
            if not calls:
                continue
            chunk = _read_again(gatherer, calls, stage)
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
            report.tried += len(calls)
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


def _calls(
    kept: list[dict[str, Any]], settings: Settings, home: Home
) -> list[tuple[FetchedCall, dict[str, Any]]]:
    """The calls that can be read again, each with the row it is kept in."""
    # a warehouse made by an older callmart does not say: all its bodies are whole
    calls = [(_as_fetched(row["body"].encode()), row) for row in kept if row.get("whole") is not False]
    by_key = {row["call_key"]: row for row in kept if row.get("whole") is False}
    if ids := [number for key in by_key if (number := call_id(key)) is not None]:
        require_api(settings, home)
        with Client(**settings.api) as client:
            for start in range(0, len(ids), PER_PAGE):
                fetched = client.calls_by_id(ids[start : start + PER_PAGE])
                calls += [(call, by_key[call.key]) for call in fetched if call.key in by_key]
    return calls


def _read_again(gatherer: Gatherer, calls: list[tuple[FetchedCall, dict[str, Any]]], stage: Stage) -> Package:
    """A chunk of the calls as today's code reads them, which also says what becomes of their kept rows."""
    kept = [row for _, row in calls]
    whole = Window(
        min(row["window_from"] for row in kept), max(row["window_until"] for row in kept), why="heal"
    )
    chunk = gatherer.regather([[call for call, _ in calls]], whole)
    before = {call.key: row for call, row in calls}
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
    except ValueError:
        return FetchedCall(None, None, body)
    return call
