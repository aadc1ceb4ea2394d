"""Compare the warehouse with the API: which calls are missing, stale, rejected or gone.

The API is first expected to have the calls of the warehouse. Each call that is then requested corrects this: the
API has it, with its own times, or it is gone. So at any time the API's count can be compared with a count based on
everything known so far.

Contents are compared completely: every column of every row of every table, as the call would be loaded now, under
the current privacy policy. Dropped values cannot differ; a call that was loaded under another policy does. Only this
finds a change that did not move `updated_at`.

The warehouse is only read, through SQLAlchemy. An in-memory DuckDB holds the times of the calls in question and what
is known about the API's calls, whatever engine the warehouse has.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, Row, and_, or_, select

from pipelines.ccaip.client import By
from pipelines.ccaip.page import FetchedCall
from pipelines.ccaip.parse import Exploder, arrow_schema
from pipelines.ccaip.privacy.forgotten import Choice
from pipelines.ccaip.privacy.policy import PrivacyFilter
from pipelines.ccaip.privacy.redact import kept_body
from pipelines.ccaip.schema import DECLARED, merge_key
from pipelines.ccaip.tables import EXTRA, REJECTED_CALLS, TABLES, VANISHED_CALLS, Table
from pipelines.errors import CallmartError
from pipelines.warehouse.arrow_queries import ask, ask_rows
from pipelines.warehouse.connect import Catalog, raw_rows, raw_table, rows_by_key, utc
from pipelines.warehouse.erasure_requests import forgotten_in

_INSTANT = pa.timestamp("us", tz="UTC")
_TIMES_SCHEMA = pa.schema([("id", pa.int64()), ("queued_at", _INSTANT), ("updated_at", _INSTANT)])
_ROWS_AT_ONCE = 50_000
_BODIES_AT_ONCE = 1_000
_KNOWN_SCHEMA = pa.schema(
    [("key", pa.string()), ("queued_at", _INSTANT), ("updated_at", _INSTANT), ("is_there", pa.bool_())]
)
_UNASKED = """select id::varchar as key, queued_at, updated_at from calls
    where id::varchar not in (select key from known)"""
_EXPECTED = f"{_UNASKED} union all select key, queued_at, updated_at from known where is_there"


@dataclass(frozen=True, slots=True)
class CallTimes:
    """When a call was queued and last changed (UTC); None if unknown."""

    queued_at: datetime | None
    updated_at: datetime | None

    def at(self, by: By) -> datetime | None:
        """The timestamp that decides the call's day."""
        return self.queued_at if by == "queued_at" else self.updated_at


@dataclass
class Findings:
    """Calls that differ, by key: the id, or a fingerprint if the API's call has none.

    `missing` and `stale` have the API's times, `vanished` those of the warehouse. The current version of a
    `rejected` call is in `rejected_calls`. A `pending` one has changed since the last load. A `removed` one belongs
    to an erased person and must not be in the warehouse.
    """

    missing: dict[str, CallTimes] = field(default_factory=dict)
    stale: dict[str, CallTimes] = field(default_factory=dict)
    vanished: dict[str, CallTimes] = field(default_factory=dict)
    rejected: dict[str, CallTimes] = field(default_factory=dict)
    pending: dict[str, CallTimes] = field(default_factory=dict)
    removed: dict[str, CallTimes] = field(default_factory=dict)

    def forget(self, keys: Iterable[str]) -> None:
        """Forget findings about calls that are compared again."""
        for key in keys:
            for found in (self.missing, self.stale, self.vanished, self.rejected, self.pending, self.removed):
                found.pop(key, None)


def check_tables(connection: Connection) -> None:
    """Raise `CallmartError` unless the warehouse has every declared table and column."""
    declared = {(name, each.name) for name, declared in DECLARED.items() for each in declared.columns}
    catalog = Catalog(connection)
    found = {
        (name, column.name)
        for name in DECLARED
        if (relation := catalog.relation(name)) is not None
        for column in relation.columns
    }
    if declared - found:
        raise CallmartError(
            "The warehouse does not have all raw tables and columns yet, so there is nothing to compare with.",
            "Run `callmart load`: the first load creates them, and the first load after an update adds new ones.",
        )


class Comparison:
    """Compares calls of the API with the warehouse behind `connection`. Use it in a `with` block.

    It covers the calls that were queued or changed from `since` to `until` (UTC). The warehouse should be complete up
    to `settled` (UTC): a later change that is not loaded yet makes a call pending, not different.
    """

    def __init__(
        self,
        connection: Connection,
        since: datetime,
        until: datetime,
        settled: datetime,
        privacy: PrivacyFilter,
        privacy_key: str = "",
    ) -> None:
        self._connection = connection
        self._privacy = privacy
        self.settled = settled
        self._exploder = Exploder()
        self._forgotten = forgotten_in(connection, privacy_key)
        self._db = duckdb.connect()
        self._db.execute(
            "set timezone = 'UTC';"
            "create table calls (id bigint, queued_at timestamptz, updated_at timestamptz);"
            "create table known (key varchar, queued_at timestamptz, updated_at timestamptz, is_there boolean)"
        )
        self._copy_times(since, until)
        self.findings = Findings()
        self._counted: dict[
            tuple[By, datetime, datetime], tuple[int, int]
        ] = {}  # valid until more calls are known
        self._know_vanished()
        self._know_rejected()

    def __enter__(self) -> Comparison:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exploder.close()
        self._db.close()

    def _copy_times(self, since: datetime, until: datetime) -> None:
        """Copy the times of the calls on the days, at their ends, or without a day."""
        column = raw_table("calls").c
        query = select(column.id, column.queued_at, column.updated_at).where(
            or_(
                column.queued_at.between(since, until),
                column.updated_at.between(since, until),
                and_(column.queued_at.is_(None), column.updated_at > self.settled),
            )
        )
        for rows in self._connection.execute(query).partitions(_ROWS_AT_ONCE):
            columns = zip(*rows, strict=True)
            times = pa.table(
                [pa.array(each, field.type) for each, field in zip(columns, _TIMES_SCHEMA, strict=True)],
                schema=_TIMES_SCHEMA,
            )
            ask(self._db, "insert into calls select * from times", times=times)

    # --- what the API should have -----------------------------------------------------------------

    def expected(self, by: By, since: datetime, until: datetime) -> tuple[int, int]:
        """The number of calls from `since` to `until`, without and with those exactly at `until`."""
        if (by, since, until) not in self._counted:
            query = (
                f"select count(*) filter ({by} < $until), count(*) from ({_EXPECTED})"
                f" where {by} between $since and $until"
            )
            ((before, with_last),) = self._asked(query, since=since, until=until)
            self._counted[by, since, until] = before, with_last
        return self._counted[by, since, until]

    def expected_keys(self, by: By, since: datetime, until: datetime) -> list[str]:
        """The calls from `since` to `until`, both inclusive."""
        return self._keys(_EXPECTED, by, since, until)

    def unasked_keys(self, by: By, since: datetime, until: datetime) -> list[str]:
        """Those of them that have not been requested from the API yet."""
        return self._keys(_UNASKED, by, since, until)

    def dayless_keys(self) -> list[str]:
        """Calls of the warehouse without a day: never queued, and dated in the future."""
        query = f"select key from ({_UNASKED}) where queued_at is null and updated_at > $settled"
        return [key for (key,) in self._asked(query, settled=self.settled)]

    def landed(self, by: By, since: datetime, until: datetime) -> int:
        """The number of calls in the warehouse from `since` to before `until`."""
        query = f"select count(*) from calls where {by} >= $since and {by} < $until"
        ((count,),) = self._asked(query, since=since, until=until)
        return count

    def queued_outside(self, since: datetime, until: datetime) -> int:
        """The number of calls in the warehouse that changed in this period but were not queued in it."""
        query = (
            "select count(*) from calls where updated_at between $since and $until"
            " and coalesce(queued_at not between $since and $until, true)"
        )
        ((count,),) = self._asked(query, since=since, until=until)
        return count

    def _keys(self, calls: str, by: By, since: datetime, until: datetime) -> list[str]:
        query = f"select key from ({calls}) where {by} between $since and $until order by {by}, key"
        return [key for (key,) in self._asked(query, since=since, until=until)]

    def _asked(self, query: str, **values: datetime) -> list[tuple[Any, ...]]:
        return self._db.execute(query, values).fetchall()

    # --- what the API has -------------------------------------------------------------------------

    def compare(self, calls: Iterable[FetchedCall]) -> None:
        """Compare calls as fetched from the API with the warehouse."""
        fetched = {call.key: call for call in calls}
        exploded = self._exploder.explode([call.json for call in fetched.values()])
        kept_tables, left_out = self._forgotten.apply(exploded.tables)
        tables = self._privacy.apply(kept_tables)
        keys = list(fetched)
        unreadable = {keys[each.number] for each in exploded.rejected}
        ids = [number for key in keys if (number := call_id(key)) is not None]
        here = {key: times.updated_at for key, times in self._here(keys).items()}
        source = raw_table(REJECTED_CALLS.name).c
        kept = {
            row.call_key: row.body
            for row in rows_by_key(
                self._connection, select(source.call_key, source.body), source.call_key, keys
            )
        }
        differing = differing_calls(self._connection, tables, ids)
        removed = {str(each) for each in left_out.to_pylist()}
        self.findings.forget(keys)
        for key, call in fetched.items():
            choice = self._forgotten.body(call.body) if key in unreadable else None
            if choice == "removed" or key in removed:
                self.findings.removed[key] = _times(call)
            elif key in kept and kept[key] == self._kept_body(call.body, choice):
                self.findings.rejected[key] = _times(call)
            elif key not in here or key in differing:
                self._found_different(key, call, here, is_known=key in here or key in kept)
        self._know((key, _times(call), True) for key, call in fetched.items())

    def _kept_body(self, body: bytes, choice: Choice | None) -> str | None:
        """What is stored of a call that cannot be read."""
        return None if choice else kept_body(body, self._privacy)[0]

    def gone(self, keys: Sequence[str]) -> None:
        """Record that the API does not have these calls, which were requested by id."""
        times = self._here(keys)
        self.findings.forget(keys)
        self.findings.vanished |= times  # a rejected call that is gone has no rows to count
        self._know((key, times.get(key, CallTimes(None, None)), False) for key in keys)

    def _here(self, keys: Iterable[str]) -> dict[str, CallTimes]:
        """The calls that the warehouse has, with their times in it."""
        column = raw_table("calls").c
        ids = [number for key in keys if (number := call_id(key)) is not None]
        query = select(column.id, column.queued_at, column.updated_at)
        found = rows_by_key(self._connection, query, column.id, ids)
        return {str(row.id): CallTimes(utc(row.queued_at), utc(row.updated_at)) for row in found}

    def marked_vanished(self) -> dict[str, bool]:
        """The calls that were marked as vanished before, and whether the API has them again."""
        query = "select key, is_there from marked join known using (key)"
        marked = pa.table({"key": pa.array([str(row.call_id) for row in self._marked()], pa.string())})
        return dict(ask_rows(self._db, query, marked=marked))

    def _marked(self) -> Sequence[Row[Any]]:
        column = raw_table(VANISHED_CALLS.name).c
        return self._connection.execute(select(column.call_id, column.queued_at, column.updated_at)).all()

    def _found_different(
        self, key: str, call: FetchedCall, here: dict[str, datetime | None], *, is_known: bool
    ) -> None:
        """Whether a call that differs has changed so recently that the next load will bring it."""
        is_settled = call.updated_at is None or call.updated_at <= self.settled
        if not is_settled and here.get(key) != call.updated_at:
            self.findings.pending[key] = _times(call)
        elif is_known:
            self.findings.stale[key] = _times(call)
        else:
            self.findings.missing[key] = _times(call)

    def _know(self, calls: Iterable[tuple[str, CallTimes, bool]]) -> None:
        rows = [(key, times.queued_at, times.updated_at, is_there) for key, times, is_there in calls]
        told = pa.Table.from_pylist(
            [dict(zip(_KNOWN_SCHEMA.names, row, strict=True)) for row in rows], _KNOWN_SCHEMA
        )
        ask(self._db, "delete from known where key in (select key from told)", told=told)
        ask(self._db, "insert into known select * from told", told=told)
        self._counted.clear()

    def _know_rejected(self) -> None:
        """Treat rejected calls as present in the API, which counts them too."""
        column = raw_table(REJECTED_CALLS.name).c
        for rows in self._connection.execute(select(column.call_key, column.body)).partitions(
            _BODIES_AT_ONCE
        ):
            bodies = pa.table(
                {
                    "key": pa.array([row.call_key for row in rows], pa.string()),
                    "body": pa.array([row.body for row in rows], pa.string()),
                }
            )
            ask(
                self._db,
                "insert into known select key, try_cast(body ->> 'queued_at' as timestamptz),"
                " try_cast(body ->> 'updated_at' as timestamptz), true from bodies where json_valid(body)",
                bodies=bodies,
            )

    def _know_vanished(self) -> None:
        """Do not expect calls that vanished before. If one is back, the API counts one more."""
        self._know(
            (str(row.call_id), CallTimes(utc(row.queued_at), utc(row.updated_at)), False)
            for row in self._marked()
        )


def differing_calls(connection: Connection, fetched: Mapping[str, pa.Table], ids: Sequence[int]) -> set[str]:
    """The calls of `ids` whose fetched rows are not those of the warehouse; a duplicated row is a difference."""
    differing: set[str] = set()
    for name, table in TABLES.items():
        (key,) = merge_key(name)
        here = raw_rows(connection, name, ids)
        counted = Counter(_comparable(table, fetched[name]))
        counted.subtract(_comparable(table, here))
        place = here.schema.names.index(key)
        differing |= {str(row[place]) for row, count in counted.items() if count}
    return differing


def _comparable(declared: Table, rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples that are equal if the rows are. JSON is compared by content."""
    json_columns = {column.name for column in (*declared.columns, EXTRA) if column.type == "json"}
    names = arrow_schema(declared).names
    return zip(
        *(
            map(_same_json, rows[name].to_pylist()) if name in json_columns else rows[name].to_pylist()
            for name in names
        ),
        strict=True,
    )


def _same_json(value: str | None) -> str | None:
    """JSON in a canonical form: Postgres reorders keys and reformats numbers."""
    if value is None:
        return None
    return json.dumps(json.loads(value, parse_float=_number), sort_keys=True)


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def call_id(key: str) -> int | None:
    """The id in a key; None if it is a fingerprint or too large for the column."""
    number = int(key) if key.lstrip("-").isdigit() else None
    return number if number is not None and abs(number) < 2**63 else None


def _times(call: FetchedCall) -> CallTimes:
    return CallTimes(call.queued_at, call.updated_at)
