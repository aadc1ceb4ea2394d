"""Parse the rejected calls again with the current code: `callmart rejected --retry`.

A call whose body was stored whole is parsed from the warehouse. If the privacy policy kept only a part, that part must
not be loaded as the call: it is requested from the API by id. A call that can be parsed now is loaded like any other,
unless the warehouse has a newer version, and leaves `rejected_calls` in the same package. One that still cannot be
parsed stays, with the current reason and one more attempt. One that the API does not return stays as it is.
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
from pipelines.warehouse.loader import Loader
from pipelines.warehouse.recorded_drift import new_only

_AT_ONCE = 2_000  # calls; about 20 MB of JSON


@dataclass
class RetryReport:
    """The result of a retry: calls `tried`, of them `landed`, `still_rejected`, and the rest `outdated`: the
    warehouse has a newer version. `out_of_reach` calls were stored in part, and the API does not return them.
    `new_drift` was not reported before."""

    tried: int = 0
    landed: int = 0
    still_rejected: int = 0
    out_of_reach: int = 0
    new_drift: Counter[drift.Drift] = field(default_factory=Counter)

    @property
    def outdated(self) -> int:
        """Calls that can be parsed now, but of which the warehouse has a newer version."""
        return self.tried - self.landed - self.still_rejected


def retry(settings: Settings, home: Home, progress: Progress) -> RetryReport:
    """Parse every rejected call again and load those that can be parsed now.

    Raises `QualityError` if one of them breaks the contract `fatal_drift`, and `CallmartError` if they cannot be
    loaded; what was loaded before stays.
    """
    privacy = settings.privacy_filter()
    report = RetryReport()
    seen: Counter[drift.Drift] = Counter()
    with (
        Loader(settings, home) as loader,
        Parser(privacy, loader.loaded.forgotten(settings.privacy_key)) as parser,
        progress.stage("read rejected calls again", unit="calls") as stage,
    ):
        # a loaded call with a later date is misdated and is replaced by the rejected one
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
                    "Rejected calls that can be parsed now could not be loaded.",
                    "They are kept. See the log for the reason, then run this again.",
                )
            report.tried += len(calls)
            report.landed += loaded.calls
            report.still_rejected += sum(package.rejected)
    return report


def _kept(loader: Loader, stage: Stage) -> Iterator[list[dict[str, Any]]]:
    """The rejected calls with their bodies in batches, oldest first, as they were before the retry."""
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
    """The calls that can be parsed again, each with its row of `rejected_calls`."""
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
    """A package of the calls as parsed now, with the changes to `rejected_calls`."""
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
    """The call as if the API had just sent it."""
    try:
        (call,) = read_calls(b"[" + body + b"]")
    except ValueError:
        return FetchedCall(None, None, body)
    return call
