"""The warehouse beside what the API shows: which calls are missing, stale, rejected or gone.

What the API should hold is at first what the warehouse has. Each call the API is then asked for
replaces that: it is there, queued and changed when it says, or it is gone. So a count of the API's
can be compared at any time with a count that takes account of everything known.

Contents are compared whole: every column of every row of every table, as the call's JSON would land
now, under today's privacy policy. What the policy drops cannot differ; a call that landed under another
policy does. A change that does not move `updated_at` shows in no other way.

The warehouse is only read. What is known of the API's calls is kept in a temporary table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, text

from pipelines.ccaip.client import By
from pipelines.ccaip.page import FetchedCall
from pipelines.ccaip.parse import Exploder
from pipelines.ccaip.privacy.forgotten import Choice
from pipelines.ccaip.privacy.policy import PrivacyFilter
from pipelines.ccaip.privacy.redact import kept_body
from pipelines.ccaip.schema import DECLARED, NAME, merge_key
from pipelines.ccaip.tables import EXTRA, REJECTED_CALLS, TABLES, VANISHED_CALLS, Table
from pipelines.errors import CallmartError
from pipelines.warehouse.asking import ask, ask_rows
from pipelines.warehouse.erasure_requests import forgotten_in

_INSTANT = pa.timestamp("us", tz="UTC")
_KNOWN_SCHEMA = pa.schema(
    [("key", pa.string()), ("queued_at", _INSTANT), ("updated_at", _INSTANT), ("is_there", pa.bool_())]
)
_UNASKED = f"""select id::varchar as key, queued_at, updated_at from {NAME}.calls
    where id::varchar not in (select key from known)"""
_EXPECTED = f"{_UNASKED} union all select key, queued_at, updated_at from known where is_there"


@dataclass(frozen=True, slots=True)
class CallTimes:
    """When a call was queued and last changed (UTC), as far as is known."""

    queued_at: datetime | None
    updated_at: datetime | None

    def at(self, by: By) -> datetime | None:
        """The timestamp that puts the call on a day."""
        return self.queued_at if by == "queued_at" else self.updated_at


@dataclass
class Findings:
    """Calls that differ, by key: their id, or a fingerprint where the API's call has none.

    `missing` and `stale` have the times by the API, `vanished` those by the warehouse. A `rejected`
    call is in `rejected_calls` as the API shows it. A `pending` one has changed since the last load. A `removed`
    one is a forgotten person's: it is not to be there.
    """

    missing: dict[str, CallTimes] = field(default_factory=dict)
    stale: dict[str, CallTimes] = field(default_factory=dict)
    vanished: dict[str, CallTimes] = field(default_factory=dict)
    rejected: dict[str, CallTimes] = field(default_factory=dict)
    pending: dict[str, CallTimes] = field(default_factory=dict)
    removed: dict[str, CallTimes] = field(default_factory=dict)

    def forget(self, keys: Iterable[str]) -> None:
        """Calls are looked at again: what was found before may not hold any more."""
        for key in keys:
            for found in (self.missing, self.stale, self.vanished, self.rejected, self.pending, self.removed):
                found.pop(key, None)


def check_tables(connection: Connection) -> None:
    """Raise `CallmartError` unless the warehouse has every declared table and column."""
    found = connection.execute(
        text("select table_name, column_name from information_schema.columns where table_schema = :schema"),
        {"schema": NAME},
    )
    declared = {(name, each.name) for name, declared in DECLARED.items() for each in declared.columns}
    if declared - {(name, each) for name, each in found}:
        raise CallmartError(
            "The warehouse does not have all raw tables and columns yet, so there is nothing to compare with.",
            "Run `callmart load`: the first load makes them, and one after an update adds what is new.",
        )


class Comparison:
    """Compares calls of the API with the warehouse behind `connection`. Use it in a `with` block.

    `settled` is up to when the warehouse ought to be complete (UTC): a call that has changed since
    then, and was not loaded so, is pending and no difference.
    """

    def __init__(
        self, connection: Connection, settled: datetime, privacy: PrivacyFilter, privacy_key: str = ""
    ) -> None:
        self._connection = connection
        self._privacy = privacy
        self.settled = settled
        self._exploder = Exploder()
        pooled: Any = connection.connection
        self._db = pooled.driver_connection  # takes Arrow tables, which SQLAlchemy does not
        self._forgotten = forgotten_in(self._db, privacy_key)
        self._db.execute(
            "create or replace temp table known"
            " (key varchar, queued_at timestamptz, updated_at timestamptz, is_there boolean)"
        )
        self.findings = Findings()
        self._counted: dict[tuple[By, datetime, datetime], tuple[int, int]] = {}  # until more is known
        self._know_vanished()
        self._know_rejected()

    def __enter__(self) -> Comparison:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exploder.close()

    # --- what the API should have -----------------------------------------------------------------

    def expected(self, by: By, since: datetime, until: datetime) -> tuple[int, int]:
        """How many calls from `since` on: up to but not at `until`, and up to and at `until`."""
        if (by, since, until) not in self._counted:
            query = text(
                f"select count(*) filter ({by} < :until), count(*) from ({_EXPECTED})"
                f" where {by} between :since and :until"
            )
            before, with_last = self._connection.execute(query, {"since": since, "until": until}).one()
            self._counted[by, since, until] = before, with_last
        return self._counted[by, since, until]

    def expected_keys(self, by: By, since: datetime, until: datetime) -> list[str]:
        """Which calls from `since` to `until`, both inclusive."""
        return self._keys(_EXPECTED, by, since, until)

    def unasked_keys(self, by: By, since: datetime, until: datetime) -> list[str]:
        """Those of them that the API has not been asked for yet."""
        return self._keys(_UNASKED, by, since, until)

    def dayless_keys(self) -> list[str]:
        """Calls of the warehouse that no day leads to: never queued, and dated in the future."""
        query = text(f"select key from ({_UNASKED}) where queued_at is null and updated_at > :settled")
        return list(self._connection.execute(query, {"settled": self.settled}).scalars())

    def landed(self, by: By, since: datetime, until: datetime) -> int:
        """Calls of the warehouse from `since` to before `until`."""
        query = text(f"select count(*) from {NAME}.calls where {by} >= :since and {by} < :until")
        return self._connection.execute(query, {"since": since, "until": until}).scalar_one()

    def queued_outside(self, since: datetime, until: datetime) -> int:
        """Calls of the warehouse that changed between the two but were not queued then, or never."""
        query = text(
            f"select count(*) from {NAME}.calls where updated_at between :since and :until"
            " and coalesce(queued_at not between :since and :until, true)"
        )
        return self._connection.execute(query, {"since": since, "until": until}).scalar_one()

    def _keys(self, calls: str, by: By, since: datetime, until: datetime) -> list[str]:
        query = text(f"select key from ({calls}) where {by} between :since and :until order by {by}, key")
        return list(self._connection.execute(query, {"since": since, "until": until}).scalars())

    # --- what the API has -------------------------------------------------------------------------

    def look(self, calls: Iterable[FetchedCall]) -> None:
        """Compare calls, as the API shows them now, with the warehouse."""
        fetched = {call.key: call for call in calls}
        exploded = self._exploder.explode([call.json for call in fetched.values()])
        kept_tables, left_out = self._forgotten.apply(exploded.tables)
        tables = self._privacy.apply(kept_tables)
        keys = list(fetched)
        unreadable = {keys[each.number] for each in exploded.rejected}
        asked = _asked(keys)
        here = dict(
            ask_rows(
                self._db,
                f"select id::varchar, updated_at from {NAME}.calls semi join asked using (id)",
                asked=asked,
            )
        )
        kept = dict(
            ask_rows(
                self._db,
                f"select call_key, body from {NAME}.{REJECTED_CALLS.name} semi join asked on call_key = key",
                asked=asked,
            )
        )
        differing = self._differing(tables, asked)
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
        """What is kept of a call that cannot be read."""
        return None if choice else kept_body(body, self._privacy)[0]

    def gone(self, keys: Sequence[str]) -> None:
        """The API was asked for these calls by id and does not have them."""
        here = ask_rows(
            self._db,
            f"select id::varchar, queued_at, updated_at from {NAME}.calls semi join asked using (id)",
            asked=_asked(keys),
        )
        times = {key: CallTimes(queued_at, updated_at) for key, queued_at, updated_at in here}
        self.findings.forget(keys)
        self.findings.vanished |= times  # a rejected call that is gone has no rows that anybody counts
        self._know((key, times.get(key, CallTimes(None, None)), False) for key in keys)

    def marked_vanished(self) -> dict[str, bool]:
        """The calls that were marked as vanished before, and whether the API has shown them again."""
        marked = f"select call_id::varchar as key from {NAME}.{VANISHED_CALLS.name}"
        return dict(ask_rows(self._db, f"select key, is_there from ({marked}) join known using (key)"))

    def _found_different(
        self, key: str, call: FetchedCall, here: dict[str, datetime], *, is_known: bool
    ) -> None:
        """The API shows a call that the warehouse does not have like that: is it for the next load?"""
        is_settled = call.updated_at is None or call.updated_at <= self.settled
        if not is_settled and here.get(key) != call.updated_at:
            self.findings.pending[key] = _times(call)
        elif is_known:
            self.findings.stale[key] = _times(call)
        else:
            self.findings.missing[key] = _times(call)

    def _differing(self, tables: Mapping[str, pa.Table], asked: pa.Table) -> set[str]:
        """The calls whose rows are not the same here and there; a row that is there twice is not the same.

        Rows are compared by sums of hashes (64 bits): what is here counts up, what is there down.
        """
        fetched = {f"fetched_{name}": rows for name, rows in tables.items() if rows.num_rows}
        rows = []
        for name in tables:
            (key,), contents = merge_key(name), _contents(TABLES[name])
            here = f"{NAME}.{name} semi join asked on {name}.{key} = asked.id"
            rows.append(f"select {key} as call, {contents} as contents from {here}")
            if f"fetched_{name}" in fetched:
                rows.append(f"select {key}, -{contents} from fetched_{name}")
        query = (
            f"select call::varchar from ({' union all '.join(rows)}) group by call having sum(contents) <> 0"
        )
        return {call for (call,) in ask_rows(self._db, query, asked=asked, **fetched)}

    def _know(self, calls: Iterable[tuple[str, CallTimes, bool]]) -> None:
        rows = [(key, times.queued_at, times.updated_at, is_there) for key, times, is_there in calls]
        told = pa.Table.from_pylist(
            [dict(zip(_KNOWN_SCHEMA.names, row, strict=True)) for row in rows], _KNOWN_SCHEMA
        )
        ask(self._db, "delete from known where key in (select key from told)", told=told)
        ask(self._db, "insert into known select * from told", told=told)
        self._counted.clear()

    def _know_rejected(self) -> None:
        """A rejected call is there, as its body says; the API counts it too."""
        self._db.execute(
            "insert into known select call_key, try_cast(body ->> 'queued_at' as timestamptz),"
            f" try_cast(body ->> 'updated_at' as timestamptz), true from {NAME}.{REJECTED_CALLS.name}"
            " where json_valid(body)"
        )

    def _know_vanished(self) -> None:
        """A call that was found gone before is not expected. Should it be back, the API counts one more."""
        self._db.execute(
            "insert into known select call_id::varchar, queued_at, updated_at, false"
            f" from {NAME}.{VANISHED_CALLS.name}"
        )


def _contents(table: Table) -> str:
    """A hash of a row, as SQL that reads the same from Arrow and from the warehouse."""
    # json() drops white space between tokens, which is no difference; nor is a number that is text now
    as_text = {"json": "json({})::varchar", "text": "{}::varchar"}
    columns = (*table.key_columns, *table.columns, EXTRA)
    selected = (as_text.get(each.type, "{}").format(each.name) for each in columns)
    return f"hash('{table.name}', {', '.join(selected)})::hugeint"


def _asked(keys: Sequence[str]) -> pa.Table:
    """Keys, and the same as ids where they are."""
    return pa.table({"key": pa.array(keys, pa.string()), "id": pa.array(map(call_id, keys), pa.int64())})


def call_id(key: str) -> int | None:
    """The id that a key is; None when it is a fingerprint, or no number that a column holds."""
    number = int(key) if key.lstrip("-").isdigit() else None
    return number if number is not None and abs(number) < 2**63 else None


def _times(call: FetchedCall) -> CallTimes:
    return CallTimes(call.queued_at, call.updated_at)
