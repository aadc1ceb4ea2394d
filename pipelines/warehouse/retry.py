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

import pyarrow as pa
from sqlalchemy import select

from pipelines.ccaip import drift
from pipelines.ccaip.client import PER_PAGE, Client
from pipelines.ccaip.package import Package, Parser, package_of
from pipelines.ccaip.page import FetchedCall, read_calls
from pipelines.ccaip.schema import record_schema
from pipelines.ccaip.tables import REJECTED_CALLS
from pipelines.ccaip.windows import FUTURE, Window
from pipelines.errors import CallmartError
from pipelines.home import Home
from pipelines.progress import Progress, Stage
from pipelines.settings import Settings, require_api
from pipelines.warehouse.compare import call_id
from pipelines.warehouse.connect import batches, raw_table, utc
from pipelines.warehouse.drifts import new_only
from pipelines.warehouse.loader import Loader

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
    privacy = settings.privacy_filter()
    report = RetryReport()
    seen: Counter[drift.Drift] = Counter()
    with (
        Loader(settings, home) as loader,
        Parser(privacy, loader.loaded.forgotten(settings.privacy_key)) as parser,
        progress.stage("read rejected calls again", unit="calls") as stage,
    ):
        # a call that is dated later than this is misdated, and gives way to the one that was rejected
        now = max(
            datetime.now(UTC), loader.cursor.until if loader.cursor else datetime.min.replace(tzinfo=UTC)
        )
        for kept in _kept(loader, stage):
            calls = _calls(kept, settings, home)
            report.out_of_reach += len(kept) - len(calls)
            if not calls:
                continue
            package = _read_again(parser, calls)
            stage.advance(len(calls))
            drift.enforce(package.drift, settings.fatal_drift)
            seen += package.drift
            report.new_drift |= new_only(loader.connection, seen)
            loaded = loader.load(replace(package, drift=Counter(seen)), now + FUTURE)
            if loaded is None or loaded.problems:
                raise CallmartError(
                    "Rejected calls that can be read now could not be loaded.",
                    "They are kept. The log says why; run it again when that is mended.",
                )
            report.tried += len(calls)
            report.landed += loaded.calls
            report.still_rejected += sum(package.rejected)
    return report


def _kept(loader: Loader, stage: Stage) -> Iterator[list[dict[str, Any]]]:
    """The rejected calls with their bodies, some at a time, oldest first: as they are before any is tried."""
    kept = raw_table(REJECTED_CALLS.name)
    query = select(kept.c.call_key).order_by(kept.c.rejected_at)
    keys = list(loader.connection.execute(query).scalars())
    stage.expect(len(keys))
    columns = [kept.c[column.name] for column in REJECTED_CALLS.columns]
    for some in batches(keys, _AT_ONCE):
        rows = loader.connection.execute(select(*columns).where(kept.c.call_key.in_(some))).mappings()
        yield [
            {name: utc(each) if isinstance(each, datetime) else each for name, each in row.items()}
            for row in rows
        ]


def _calls(
    kept: list[dict[str, Any]], settings: Settings, home: Home
) -> list[tuple[FetchedCall, dict[str, Any]]]:
    """The calls that can be read again, each with the row it is kept in."""
    calls = [(_as_fetched(row["body"].encode()), row) for row in kept if row["whole"]]
    by_key = {row["call_key"]: row for row in kept if not row["whole"]}
    if ids := [number for key in by_key if (number := call_id(key)) is not None]:
        require_api(settings, home)
        with Client(**settings.api) as client:
            for start in range(0, len(ids), PER_PAGE):
                fetched = client.calls_by_id(ids[start : start + PER_PAGE])
                calls += [(call, by_key[call.key]) for call in fetched if call.key in by_key]
    return calls


def _read_again(parser: Parser, calls: list[tuple[FetchedCall, dict[str, Any]]]) -> Package:
    """A package of the calls as today's code reads them, which also says what becomes of their kept rows."""
    kept = [row for _, row in calls]
    whole = Window(
        min(row["window_from"] for row in kept), max(row["window_until"] for row in kept), why="heal"
    )
    package = package_of(parser, [[call for call, _ in calls]], whole)
    before = {call.key: row for call, row in calls}
    rejected = package.tables[REJECTED_CALLS.name].to_pylist()
    for row in rejected:
        came = before[row["call_key"]]
        row |= {"window_from": came["window_from"], "window_until": came["window_until"]}
    table = pa.Table.from_pylist(rejected, record_schema(REJECTED_CALLS))
    keys = pa.chunked_array([[row["call_key"] for row in kept]], pa.string())
    return replace(package, tables=package.tables | {REJECTED_CALLS.name: table}, readable=keys)


def _as_fetched(body: bytes) -> FetchedCall:
    """The call as though the API had just sent it."""
    try:
        (call,) = read_calls(b"[" + body + b"]")
    except ValueError:
        return FetchedCall(None, None, body)
    return call
