"""Find a person in the warehouse: the calls, and every value that identifies the person.

    given value → ids of the caller → identifiers of these ids → their calls, and other rows with these values

A value is found in clear text and as a pseudonym, whatever policy it was loaded under. Two callers may share a
number: a call that is known to be another caller's is only counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, Text, cast, or_, select

from pipelines.ccaip.parse import arrow_schema
from pipelines.ccaip.privacy.callers import IDENTIFIERS, TELLING, callers_columns
from pipelines.ccaip.privacy.forgotten import SHORTEST_MENTION, Choice, Forgotten, Remembered
from pipelines.ccaip.privacy.policy import Pseudonyms, is_pseudonym
from pipelines.ccaip.schema import merge_key
from pipelines.ccaip.tables import REJECTED_CALLS, TABLES, Privacy
from pipelines.errors import CallmartError
from pipelines.warehouse.arrow_queries import ask, ask_rows
from pipelines.warehouse.connect import Catalog, raw_table

_ROWS_AT_ONCE = 50_000
_OF_PARTIES = ("call_id", "idx", "type", "user_id", "end_user_id", "phone_number", "email")
_IN_WORDS = (Privacy.FREE_TEXT, Privacy.NETWORK, Privacy.LINK)
"""Classes of columns that may name any person."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The person to find: by caller id, by identifier, or as the caller of a call."""

    given_by: Literal["end_user", "identifier", "call"]
    value: str


@dataclass(frozen=True, slots=True)
class Values:
    """Values that identify a person, as loaded: caller ids, and identifiers that only this caller has.

    Identifiers of other callers as well are `shared`: alone they identify nobody.
    """

    subject: Subject
    callers: frozenset[str] = frozenset()
    contacts: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()

    @property
    def texts(self) -> frozenset[str]:
        """The values that are long enough to be searched for in any text."""
        given = {self.subject.value} if self.subject.given_by != "call" else set()
        return frozenset(
            each for each in self.callers | self.contacts | given if len(each) >= SHORTEST_MENTION
        )

    def remembered(self, choice: Choice, pseudonyms: Pseudonyms) -> list[Remembered]:
        """The pseudonyms to store so that no load brings the person back."""
        kinds = [("contact", each) for each in self.contacts]
        kinds += [("end_user", each) for each in self.callers]
        kinds.append((self.subject.given_by, self.subject.value))
        made = {(kind, _pseudonym(value, pseudonyms)) for kind, value in kinds}
        return [Remembered(kind, pseudonym, choice) for kind, pseudonym in sorted(made)]  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Person:
    """What the warehouse holds about a person.

    `parties` are rows of `participants` (call and `idx`) in calls of others, `mentions` calls of others that name
    the person, by table and column. `rejected` are keys of calls that could not be read. `shared` counts calls
    of other callers with an identifier of this person.
    """

    values: Values
    calls: list[int]
    parties: list[tuple[int, int]]
    mentions: dict[tuple[str, str], list[int]]
    rejected: list[str]
    shared: int

    @property
    def is_here(self) -> bool:
        """Whether there is anything to erase."""
        return bool(self.calls or self.parties or self.mentions or self.rejected)


def find(connection: Connection, subject: Subject, pseudonyms: Pseudonyms) -> Person:
    """Find the person in the raw tables. Raises `CallmartError` if no calls were ever loaded."""
    catalog = Catalog(connection)
    if any(catalog.relation(name) is None for name in ("calls", "participants", REJECTED_CALLS.name)):
        raise CallmartError(
            "The warehouse has no calls yet, so nobody can be found.", "Load first: `callmart run`."
        )
    with duckdb.connect() as memory:
        _copy(connection, memory, "calls", ("id", "end_user__id", *IDENTIFIERS))
        _copy(connection, memory, "participants", _OF_PARTIES)
        memory.execute(f"create table telling as select distinct * from ({TELLING}) where value <> ''")
        values = _values(memory, subject, pseudonyms)
        calls, parties = _calls(memory, values, pseudonyms)
        shared = _shared(memory, values, calls, parties)
    return Person(
        values,
        calls,
        parties,
        dict(_mentions(connection, values.texts, calls)),
        list(_rejected(connection, Forgotten(values.remembered("anonymous", pseudonyms), pseudonyms))),
        shared,
    )


def _copy(
    connection: Connection, memory: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str]
) -> None:
    """Copy the columns that identify callers into an in-memory DuckDB, in batches."""
    declared = arrow_schema(TABLES[name])
    schema = pa.schema([declared.field(each) for each in columns])
    ask(memory, f"create table {name} as from empty", empty=schema.empty_table())
    query = select(*(raw_table(name).c[each] for each in columns))
    for rows in connection.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE}).partitions():
        cells = zip(*rows, strict=True)
        batch = pa.table(
            [
                pa.array(
                    (
                        each if each is None or not pa.types.is_string(field.type) else str(each)
                        for each in column
                    ),
                    field.type,
                )
                for column, field in zip(cells, schema, strict=True)
            ],
            schema=schema,
        )
        ask(memory, f"insert into {name} from batch", batch=batch)


def _values(connection: duckdb.DuckDBPyConnection, subject: Subject, pseudonyms: Pseudonyms) -> Values:
    if subject.given_by == "call":
        return Values(subject)
    of_them = "owner" if subject.given_by == "identifier" else "value"
    given = _forms({subject.value}, pseudonyms)
    query = f"select distinct {of_them} from telling semi join given using (value) where kind = '{subject.given_by}'"
    callers = {each for (each,) in ask_rows(connection, query, given=_column(given)) if each is not None}
    contacts = ask_rows(
        connection,
        """
        select value, bool_or(owner not in (select value from callers))
        from telling
        where kind = 'identifier' and owner is not null and not contains(value, '***')  -- a mask is nobody's
        group by value
        having bool_or(owner in (select value from callers))""",
        callers=_column(callers),
    )
    return Values(
        subject,
        frozenset(callers),
        frozenset(value for value, is_shared in contacts if not is_shared),
        frozenset(value for value, is_shared in contacts if is_shared),
    )


def _calls(
    connection: duckdb.DuckDBPyConnection, values: Values, pseudonyms: Pseudonyms
) -> tuple[list[int], list[tuple[int, int]]]:
    """The person's calls, and the person's rows in calls of others."""
    wanted = [(values.subject.given_by, each) for each in _forms({values.subject.value}, pseudonyms)]
    wanted += [("end_user", each) for each in _forms(values.callers, pseudonyms)]
    contacts = [("identifier", each) for each in _forms(values.contacts, pseudonyms)]
    query = """
        with matched as (
            from telling semi join wanted using (kind, value)
            union all
            from telling semi join contacts using (kind, value) where owner is null
        )
        select call_id, null as idx from matched where is_whole
        union
        select call_id, idx from matched anti join (from matched where is_whole) as whole using (call_id)
        order by all"""
    found = ask_rows(connection, query, wanted=_kinds(wanted), contacts=_kinds(contacts))
    whole = [call_id for call_id, idx in found if idx is None]
    return whole, [(call_id, idx) for call_id, idx in found if idx is not None]


def _mentions(
    connection: Connection, texts: Iterable[str], calls: list[int]
) -> Iterator[tuple[tuple[str, str], list[int]]]:
    """Other places that name the person: free text and JSON."""
    mine = frozenset(calls)
    if not (wanted := sorted(texts)):
        return
    for table in TABLES.values():
        source = raw_table(table.name).c
        (key,) = merge_key(table.name)
        for column in callers_columns(table):
            if column.privacy not in _IN_WORDS or column.type not in ("text", "json"):
                continue
            cell = cast(source[column.name], Text)
            named = or_(*(cell.contains(each, autoescape=True) for each in wanted))
            found = connection.execute(select(source[key]).where(named).distinct()).scalars()
            if others := sorted(call_id for call_id in found if call_id not in mine):
                yield (table.name, column.name), others


def _rejected(connection: Connection, known: Forgotten) -> Iterator[str]:
    """The unreadable calls that contain the person."""
    source = raw_table(REJECTED_CALLS.name).c
    query = select(source.call_key, source.body).where(source.body != "")
    for key, body in connection.execute(query):
        if known.body(body.encode()):
            yield key


def _shared(
    connection: duckdb.DuckDBPyConnection, values: Values, calls: list[int], parties: list[tuple[int, int]]
) -> int:
    """The number of calls of others with a shared identifier."""
    query = (
        "select distinct call_id, idx from telling semi join contacts using (value) where kind = 'identifier'"
    )
    found = ask_rows(connection, query, contacts=_column(values.shared))
    mine, joined = set(calls), set(parties)
    return len({call_id for call_id, idx in found if call_id not in mine and (call_id, idx) not in joined})


def _forms(values: Iterable[str], pseudonyms: Pseudonyms) -> set[str]:
    """Values as they may be stored: in clear text and as pseudonyms."""
    return {form for value in values for form in (value, _pseudonym(value, pseudonyms))}


def _pseudonym(value: str, pseudonyms: Pseudonyms) -> str:
    return value if is_pseudonym(value) else pseudonyms.of(value)


def _column(values: Iterable[str]) -> pa.Table:
    return pa.table({"value": pa.array(sorted(values), pa.string())})


def _kinds(wanted: list[tuple[Any, str]]) -> pa.Table:
    kinds, values = zip(*wanted, strict=True) if wanted else ((), ())
    return pa.table({"kind": pa.array(kinds, pa.string()), "value": pa.array(values, pa.string())})
