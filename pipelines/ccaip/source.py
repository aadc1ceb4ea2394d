"""A dlt source of contact-centre calls from the CCAI Platform API.

    windows → calls and its nested tables, load_windows, rejected_calls, drift

`windows` reads closed windows of `updated_at` and has dlt's cursor, on their ends. The other resources are its
transformers, so that calls, ledger and cursor are loaded in one package. Because the cursor is on ends of windows and
not on rows, a period without calls moves it, and a call dated 2030 does not.

    import dlt
    from pipelines.ccaip import ccaip

    pipeline = dlt.pipeline("ccaip", destination="duckdb", dataset_name="ccaip")
    pipeline.run(ccaip())

A long first load is safer in bounded packages: a run that is interrupted continues after the last one:

    source = ccaip(calls_per_package=20_000)
    while pipeline.run(source).loads_ids:
        pass

A backfill is the same source between two instants (`updated_at`, both inclusive). It does not move the cursor:

    pipeline.run(ccaip(until=between("2026-01-01", "2026-02-01")))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from uuid import uuid4

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.sources import DltResource

from pipelines.ccaip import drift
from pipelines.ccaip.client import Client
from pipelines.ccaip.ledger import fetched
from pipelines.ccaip.loaded import Loaded, fingerprint
from pipelines.ccaip.pace import DEFAULT_LONGEST_RETRY_AFTER_SECONDS, DEFAULT_REQUESTS_PER_SECOND
from pipelines.ccaip.package import Package
from pipelines.ccaip.reader import CALLS_PER_PACKAGE, Reader
from pipelines.ccaip.schema import (
    DECLARED_VERSION,
    READABLE,
    call_key,
    columns_of,
    declare,
    linked,
    outgoing_schema,
    record_schema,
    with_load_id,
)
from pipelines.ccaip.settings import CcaipConfiguration, PrivacyConfiguration
from pipelines.ccaip.tables import (
    DRIFT,
    LOAD_WINDOWS,
    PSEUDONYM_KEYS,
    RECORDS,
    REJECTED_CALLS,
    SOURCE,
    TABLES,
)
from pipelines.ccaip.windows import (
    DEFAULT_OVERLAP_SECONDS,
    DEFAULT_SETTLE_SECONDS,
    DEFAULT_START,
    FUTURE,
    Cursor,
    Window,
    parse_instant,
    tail_windows,
)

_REPLACE_CALL: Any = {"disposition": "merge", "strategy": "delete-insert", "deduplicated": True}
_FROZEN: Any = {"tables": "freeze", "columns": "freeze", "data_type": "freeze"}


class Outgoing:
    """A package that is being loaded.

    `tables` are the rows to load, by table. `superseded` are the ids of calls that are left out because a newer
    version is loaded already. `until` is the new cursor, None if the package does not move it.
    """

    def __init__(
        self,
        package: Package,
        loaded: Loaded,
        horizon: datetime,
        run_id: str,
        privacy_key: str,
        verdict: str | None = None,
    ) -> None:
        self.package = package
        self.load_id: str = dlt.current.load_package_state()["load_id"]
        self.until = package.cursor
        with loaded.connected():
            self._fill(loaded, horizon, run_id, privacy_key, verdict)

    def _fill(
        self, loaded: Loaded, horizon: datetime, run_id: str, privacy_key: str, verdict: str | None
    ) -> None:
        package = self.package
        versions = _versions(package.tables["calls"], loaded)
        self.superseded = pa.nulls(0, pa.int64()) if package.is_by_id else _superseded(versions, horizon)
        self.tables = {
            name: _without(table, call_key(name), self.superseded)
            for name, table in package.tables.items()
            if name in TABLES
        }
        self.tables[LOAD_WINDOWS.name] = fetched(package, versions, self.superseded, self.load_id, verdict)
        self.tables[REJECTED_CALLS.name] = _rejected(package, loaded)
        self.tables[DRIFT.name] = drift.rows(package.drift, run_id, datetime.now(UTC))
        if privacy_key and loaded.key_fingerprint() is None:
            self.tables[PSEUDONYM_KEYS.name] = _key_row(privacy_key)

    @property
    def makes_tables(self) -> bool:
        """Whether the package only creates missing tables and columns: it has no windows."""
        return not self.package.reads

    @property
    def ids(self) -> pa.ChunkedArray:
        """The ids of the calls to load."""
        return self.tables["calls"]["id"]


@dlt.source(name=SOURCE, section=SOURCE, spec=CcaipConfiguration, max_table_nesting=0)
def ccaip(
    base_url: str = dlt.config.value,
    username: str = dlt.config.value,
    api_token: str = dlt.secrets.value,
    start_date: Any = DEFAULT_START,
    requests_per_second: float = DEFAULT_REQUESTS_PER_SECOND,
    settle_seconds: float = DEFAULT_SETTLE_SECONDS,
    overlap_seconds: float = DEFAULT_OVERLAP_SECONDS,
    longest_retry_after_seconds: float = DEFAULT_LONGEST_RETRY_AFTER_SECONDS,
    fatal_drift: list[str] | None = None,
    privacy: PrivacyConfiguration = dlt.config.value,
    calls_per_package: int | None = None,
    until: dlt.sources.incremental[str] = dlt.sources.incremental(
        "until", row_order="asc", range_start="open", on_cursor_value_missing="include"
    ),
) -> tuple[DltResource, ...]:
    """Calls that changed since the last load, with an overlap.

    Settings that are not given are resolved by dlt from `[sources.ccaip]` and `[privacy]`: see
    `CcaipConfiguration`. Durations are in seconds, instants UTC.

    Args:
        calls_per_package: The approximate number of calls per load: each `pipeline.run` of the same source loads the
            next package, until there is none. None: everything new in one package.
        until: The cursor, or the bounds of a backfill: `between(start, end)`.
    """
    privacy_filter = privacy.filter()
    run_id = uuid4().hex
    packages: Iterator[tuple[Package, Loaded, datetime]] | None = None
    held_back: list[tuple[Package, Loaded, datetime]] = []

    def read(cursor: Cursor | None, bounds: tuple[datetime, datetime] | None) -> Iterator[Any]:
        loaded = Loaded(dlt.current.pipeline().sql_client)
        forgotten = loaded.forgotten(privacy.key or "")
        with Client(
            base_url=base_url,
            username=username,
            api_token=api_token,
            requests_per_second=requests_per_second,
            longest_retry_after_seconds=longest_retry_after_seconds,
        ) as client:
            now = client.server_now()
            if bounds:
                stretches = [Window(bounds[0], min(bounds[1], now), why="backfill")]
            else:
                start = parse_instant(start_date)
                news = tail_windows(cursor, start, now, settle_seconds, overlap_seconds)
                stretches = [*loaded.open_windows(), *news]
            with Reader(
                client,
                stretches,
                privacy=privacy_filter,
                forgotten=forgotten,
                calls_per_package=calls_per_package or CALLS_PER_PACKAGE,
            ) as reader:
                for package in reader.packages():
                    drift.enforce(package.drift, fatal_drift or ())
                    yield package, loaded, now + FUTURE

    @dlt.resource(name="windows", selected=False)
    def windows(until: dlt.sources.incremental[str] = until) -> Iterator[dict[str, Any]]:
        """Closed windows of `updated_at` with their calls. Not loaded itself."""
        declare(dlt.current.source_schema(), _destination_type())
        nonlocal packages
        state = dlt.current.resource_state()
        if packages is None:
            packages = read(_cursor(until, state), _bounds(until))
        yielded: dict[int, datetime] = {}
        for package, loaded, horizon in chain(iter(held_back), packages):
            held_back.clear()
            if _has_newer(package, yielded):
                # a load has each call once: the newer version is for the next run
                held_back.append((package, loaded, horizon))
                return
            outgoing = Outgoing(package.without(yielded), loaded, horizon, run_id, privacy.key or "")
            if not until.end_value and package.last_change:
                state["last_change"] = max(state.get("last_change") or "", _text(package.last_change))
            yield _window(outgoing, until)
            if calls_per_package:
                return
            yielded |= outgoing.package.versions()
        packages = None

    return windows, *_loaded_from(windows)


@dlt.source(name=SOURCE, section=SOURCE, max_table_nesting=0)
def ccaip_packages(
    packages: Iterator[Package],
    on_package: Callable[[Outgoing], None],
    horizon: datetime,
    run_id: str,
    privacy_key: str = "",
    until: dlt.sources.incremental[str] = dlt.sources.incremental(
        "until", row_order="asc", range_start="open", on_cursor_value_missing="include"
    ),
) -> tuple[DltResource, ...]:
    """The next of `packages`, for callers that read and verify themselves, such as `callmart load`.

    Each run loads one package, or nothing if there is none. `on_package` is called before it is loaded. Its verdict in
    the ledger is `unverified`. `horizon` (UTC) is shortly after the server's clock: a loaded call with a later date is
    misdated and is replaced by any version. `run_id` identifies the run in `drift`.
    """

    @dlt.resource(name="windows", selected=False)
    def windows(until: dlt.sources.incremental[str] = until) -> Iterator[dict[str, Any]]:
        if (package := next(packages, None)) is None:
            return
        declare(dlt.current.source_schema(), _destination_type())
        outgoing = Outgoing(
            package,
            Loaded(dlt.current.pipeline().sql_client),
            horizon,
            run_id,
            privacy_key,
            verdict="unverified",
        )
        on_package(outgoing)
        yield _window(outgoing, until)

    return windows, *_loaded_from(windows)


def between(start: Any, end: Any) -> dlt.sources.incremental[str]:
    """The bounds of a backfill by `updated_at`, both inclusive: ISO dates or instants, UTC without an offset."""
    return dlt.sources.incremental(
        "until",
        initial_value=_text(parse_instant(start)),
        end_value=_text(parse_instant(end)),
        row_order="asc",
        range_start="open",
        range_end="closed",
        on_cursor_value_missing="include",
    )


def _window(outgoing: Outgoing, until: dlt.sources.incremental[str]) -> dict[str, Any]:
    """The item that `windows` yields. A window that is not past the cursor has no `until`, or dlt would drop it."""
    end = outgoing.until and _text(outgoing.until)
    is_past = end and (not until.last_value or end > until.last_value)
    return {"until": end if is_past else None, "outgoing": outgoing}


# --- resources ------------------------------------------------------------------------------------


def _loaded_from(windows: DltResource) -> tuple[DltResource, ...]:
    """The resources that are loaded: calls with their nested tables, and callmart's records of the load."""

    @dlt.transformer(name="calls", data_from=windows, write_disposition=_REPLACE_CALL)
    def calls(window: dict[str, Any]) -> Iterator[Any]:
        outgoing: Outgoing = window["outgoing"]
        state = dlt.current.resource_state()
        for name in TABLES:  # parents before their children
            rows = outgoing.tables[name]
            # dlt creates a table with its columns, and deletes a call's old rows from it, only after rows were yielded
            # for it. So the first package has all tables, and so has the first one after a change of the tables.
            if rows.num_rows or outgoing.makes_tables or state.get("declared") != DECLARED_VERSION:
                yield dlt.mark.with_table_name(linked(name, rows, outgoing.load_id), name)
        state["declared"] = DECLARED_VERSION

    for name, table in TABLES.items():
        if table.parent:
            calls.apply_hints(
                table_name=name,
                parent_table_name=table.parent,
                columns=columns_of(table),
                schema_contract=_FROZEN,
                create_table_variant=True,
            )
    # last: a variant starts as a copy of the resource's hints
    calls.apply_hints(columns=columns_of(TABLES["calls"]), schema_contract=_FROZEN)
    return calls, *(_record(table.name, windows) for table in RECORDS)


def _record(name: str, windows: DltResource) -> DltResource:
    """A record table as a resource. The first load creates those that only commands write to, without rows."""
    table = next(each for each in RECORDS if each.name == name)

    @dlt.transformer(
        name=name,
        data_from=windows,
        write_disposition=_REPLACE_CALL,
        columns=columns_of(table),
        schema_contract=_FROZEN,
    )
    def record(window: dict[str, Any]) -> Iterator[pa.Table]:
        outgoing: Outgoing = window["outgoing"]
        state = dlt.current.resource_state()
        rows = outgoing.tables.get(name, outgoing_schema(table).empty_table())
        if rows.num_rows or outgoing.makes_tables or state.get("declared") != DECLARED_VERSION:
            yield with_load_id(rows.cast(outgoing_schema(table)), outgoing.load_id)
        state["declared"] = DECLARED_VERSION

    return record


# --- versions and rejections ----------------------------------------------------------------------


def _versions(calls: pa.Table, loaded: Loaded) -> pa.Table:
    """Each call's `id` and `updated_at`, and the `updated_at` that the destination `had`; NULL if it had none."""
    versions = calls.select(["id", "updated_at"])
    known = loaded.versions(versions["id"].to_pylist())
    place = pc.index_in(versions["id"], known["id"].combine_chunks())
    return versions.append_column("had", known["updated_at"].combine_chunks().take(place.combine_chunks()))


def _superseded(versions: pa.Table, horizon: datetime) -> pa.Array:
    """The ids of calls of which the destination has a newer version.

    Several machines, or a backfill and a scheduled load, may take turns, and the API may respond from a replica that
    lags.
    """
    newer = pc.and_(
        pc.greater(versions["had"], versions["updated_at"]), pc.less_equal(versions["had"], horizon)
    )
    return versions.filter(newer)["id"].combine_chunks()


def _has_newer(package: Package, yielded: dict[int, datetime]) -> bool:
    """Whether the package has a newer version of a call that this run has already yielded."""
    return bool(yielded) and any(
        changed > yielded[call] for call, changed in package.versions().items() if call in yielded
    )


def _without(table: pa.Table, column: str, ids: pa.Array) -> pa.Table:
    return table.filter(pc.invert(pc.is_in(table[column], ids))) if len(ids) else table


def _rejected(package: Package, loaded: Loaded) -> pa.Table:
    """The package's rejected calls with the number of rejections, and the keys of calls that are no longer rejected."""
    known = loaded.rejected()
    rows = [
        row | {"attempt": 1 + (known.get(row["call_key"]) or 0), READABLE: False}
        for row in package.tables[REJECTED_CALLS.name].to_pylist()
    ]
    if known:
        readable = known.keys() & set(package.readable.to_pylist())
        rows += [{"call_key": key, READABLE: True} for key in sorted(readable)]
    return pa.Table.from_pylist(rows, outgoing_schema(REJECTED_CALLS))


def _key_row(key: str) -> pa.Table:
    row = {"warehouse": "here", "fingerprint": fingerprint(key), "since": datetime.now(UTC)}
    return pa.Table.from_pylist([row], record_schema(PSEUDONYM_KEYS))


def _destination_type() -> str:
    destination = dlt.current.pipeline().destination
    return destination.destination_type if destination else ""


# --- the cursor -----------------------------------------------------------------------------------


def _cursor(until: dlt.sources.incremental[str], state: dict[str, Any]) -> Cursor | None:
    if not until.last_value:
        return None
    seen = state.get("last_change")
    return Cursor(parse_instant(until.last_value), parse_instant(seen) if seen else None)


def _bounds(until: dlt.sources.incremental[str]) -> tuple[datetime, datetime] | None:
    if not until.end_value:
        return None
    return parse_instant(until.initial_value), parse_instant(until.end_value)


def _text(moment: datetime) -> str:
    """An instant as stored in the cursor, with a fixed length, so that texts sort like instants."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
