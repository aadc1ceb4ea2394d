"""Parse calls: JSON → one Arrow table per declared table.

    bytes → nested structs of text (DuckDB) → rows of text (unnest) → typed columns (cast) → tables

DuckDB's JSON reader parses every call once, and Arrow splits the result into tables; usually Python handles no single
value. What is read is derived from `tables`: declared keys go to their columns, undeclared keys to `_extra`. Calls
with anything unusual are inspected one by one.

A call with a fault (a wrong type, a value that should be an array, no id) is rejected as a whole, so that the rows of
a call never contradict each other. Its body is stored with every reason.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.cast import ARROW_TYPES, Coerced, perhaps_no_text, typed
from pipelines.ccaip.inspection import Inspection, arrays_above, inspect, inspect_at
from pipelines.ccaip.parse_sql import (
    NO_OBJECT,
    REQUIRED,
    SHAPES,
    STRUCTURE,
    literal,
    missing,
    shown,
    unexpected,
)
from pipelines.ccaip.tables import EXTRA, TABLES, Column, Table
from pipelines.ccaip.undeclared_keys import KnownKeys, with_long_arrays
from pipelines.ccaip.unnest import Leaf, Place, Rows, unnest

__all__ = ["ARROW_TYPES", "Exploded", "Exploder", "Rejected", "arrow_schema"]

_REASONS_KEPT = 20
_NO_JSON = "is not valid JSON (a broken escape, a byte that is not UTF-8 or too many levels, perhaps)"
_exact = msgspec.json.Encoder(decimal_format="number")  # numbers unchanged
_exact_decoder = msgspec.json.Decoder(float_hook=Decimal)
_CALLS_READ_AT_ONCE = 256  # fewer are slower, more need more memory

Fault = tuple[int, str, Place, str]
"""A call's number, the table and position of the fault, and its description."""


_NUL = rb"\u0000"
_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""The escape of U+0000, but not a backslash followed by the text `u0000`."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A call that could not be parsed: its index among the given calls, and the reason, without values."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Exploded:
    """A batch of calls as tables: every declared table.

    `unknown_keys` counts undeclared keys of calls that were not rejected, by table and dotted path; `coerced` counts
    converted values by table, column and JSON type; `repeated_keys` counts calls that have a key twice in one object;
    `nul_characters` counts calls with U+0000 in a text.
    """

    tables: dict[str, pa.Table]
    rejected: list[Rejected] = field(default_factory=list)
    unknown_keys: dict[tuple[str, str], int] = field(default_factory=dict)
    coerced: dict[tuple[str, Column, str], int] = field(default_factory=dict)
    repeated_keys: int = 0
    nul_characters: int = 0


class Exploder:
    """Parses batches of calls with an in-memory DuckDB."""

    def __init__(self) -> None:
        # One thread: the other cores parse or load, and idle threads would spin.
        # Memory is returned when a batch is done, instead of being kept for the next.
        self._db = duckdb.connect(
            ":memory:",
            config={
                "threads": 1,
                "temp_directory": "",  # nothing is written to disk before the privacy policy is applied
                "allocator_bulk_deallocation_flush_threshold": "16MB",
            },
        )
        self._db.execute("set timezone = 'UTC'")
        self._db.execute(
            "set enable_progress_bar = false"
        )  # it would interfere with callmart's own progress display
        self._known_keys = KnownKeys(self._db)

    def close(self) -> None:
        """Free the memory."""
        self._db.close()

    def explode(self, calls: Sequence[bytes]) -> Exploded:
        """Parse `calls`, each the JSON of one call. No call may occur twice."""
        if with_nul := [
            number for number, call in enumerate(calls) if _NUL in call and _ESCAPED_NUL.search(call)
        ]:
            return self._without_nul(calls, with_nul)
        try:
            rows = self._read(calls)
        except (duckdb.InvalidInputException, pa.ArrowInvalid):
            # half a surrogate pair, or a byte that is not UTF-8
            valid = self._valid(calls)
            if all(valid):
                raise
            return self._without_broken(calls, valid)
        return self._exploded(calls, rows)

    def _with_one_reading(self, calls: Sequence[bytes], repeated: Iterable[int]) -> Exploded:
        """The same for calls of which some have a key twice in one object: the last value counts.

        The client has read id and time this way, while DuckDB would take the first value.
        """
        once = list(calls)
        for number in repeated:
            once[number] = _exact.encode(_exact_decoder.decode(calls[number]))
        read = self.explode(once)
        unreadable = {each.number for each in read.rejected}
        return replace(read, repeated_keys=sum(number not in unreadable for number in repeated))

    def _without_nul(self, calls: Sequence[bytes], with_nul: Iterable[int]) -> Exploded:
        """The same for calls with U+0000 in a text, which Postgres cannot store: it is read as U+FFFD."""
        storable = list(calls)
        for number in with_nul:
            storable[number] = _ESCAPED_NUL.sub(rb"\1\\ufffd", calls[number])
        read = self.explode(storable)
        unreadable = {each.number for each in read.rejected}
        return replace(read, nul_characters=sum(number not in unreadable for number in with_nul))

    def _read(self, calls: Sequence[bytes]) -> dict[str, Rows]:
        with shown(self._db, "calls", calls, _CALLS_READ_AT_ONCE):
            # a relation produces Arrow directly; `execute` would first keep the result in DuckDB's format
            read = self._db.sql(f"select from_json(json, {literal(STRUCTURE)}) from calls")
            nested = read.to_arrow_table()[0].combine_chunks()
        return unnest(nested, pa.arange(0, len(nested)))

    def _valid(self, calls: Sequence[bytes]) -> list[bool]:
        valid = [_is_utf8(call) for call in calls]
        if not all(valid):
            return valid
        with shown(self._db, "calls", calls, _CALLS_READ_AT_ONCE):
            return [valid for (valid,) in self._db.execute("select json_valid(json) from calls").fetchall()]

    def _without_broken(self, calls: Sequence[bytes], valid: list[bool]) -> Exploded:
        """The same for the calls that are valid JSON; the others are rejected."""
        numbers = [number for number, fine in enumerate(valid) if fine]
        rest = self.explode([calls[number] for number in numbers])
        rejected = [replace(each, number=numbers[each.number]) for each in rest.rejected]
        rejected += [Rejected(number, _NO_JSON) for number, fine in enumerate(valid) if not fine]
        return replace(rest, rejected=sorted(rejected, key=lambda each: each.number))

    def _exploded(self, calls: Sequence[bytes], rows: Mapping[str, Rows]) -> Exploded:
        columns, misfits, coerced = typed(self._db, rows)
        undeclared, repeated = self._known_keys.undeclared(calls, rows)
        if repeated:
            return self._with_one_reading(calls, repeated)
        leaves: dict[int, list[Leaf]] = defaultdict(list)
        for leaf in perhaps_no_text(rows):
            leaves[leaf.number].append(leaf)
        doubtful = with_long_arrays(rows).union(
            leaves, *(each.doubtful.to_pylist() for each in rows.values())
        )
        inspections = {number: inspect_at(calls[number], spots) for number, spots in undeclared.items()}
        inspections |= {number: inspect(calls[number], leaves[number]) for number in doubtful}
        rejected = _rejected(
            [*_misfitting(misfits), *_misshapen(inspections), *_incomplete(columns["calls"], misfits)]
        )
        unread = {each.number for each in rejected}
        extras, unknown_keys = _undeclared(
            {number: seen for number, seen in inspections.items() if number not in unread}
        )
        numbers = pa.array(unread, pa.int64())
        ids = columns["calls"]["id"]
        tables = {
            name: _landed(each, columns[name], ids, _extra(each, extras[name]), numbers)
            for name, each in rows.items()
        }
        return Exploded(tables, rejected, unknown_keys, _counted(coerced, numbers))


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


# --- faults of calls ----------------------------------------------------------------------------------


def _misfitting(leaves: Iterable[Leaf]) -> Iterator[Fault]:
    for leaf in leaves:
        yield leaf.number, leaf.table, leaf.place, unexpected(leaf.column)


def _misshapen(inspections: Mapping[int, Inspection]) -> Iterator[Fault]:
    for number, seen in inspections.items():
        yield from ((number, *fault) for fault in seen.faults)


def _incomplete(calls: Mapping[str, pa.Array], misfits: Iterable[Leaf]) -> Iterator[Fault]:
    unfit = {(leaf.number, leaf.column.name) for leaf in misfits if leaf.table == "calls"}
    for name in REQUIRED:
        for number in pc.indices_nonzero(calls[name].is_null()).to_pylist():
            if (number, name) not in unfit:
                yield number, "calls", (), missing(name)


def _rejected(faults: Iterable[Fault]) -> list[Rejected]:
    """The calls with faults, with their reasons in the order of the declared tables."""
    tables = list(TABLES)
    reasons: dict[int, list[str]] = defaultdict(list)
    for number, table, place, what in sorted(
        faults,
        key=lambda fault: (
            fault[0],
            tables.index(fault[1]),
            fault[2],
            SHAPES[fault[1]].faults.index(fault[3]),
        ),
    ):
        reasons[number].append(_reason(TABLES[table], place, what))
    return [Rejected(number, "; ".join(each[:_REASONS_KEPT])) for number, each in reasons.items()]


def _reason(table: Table, place: Place, what: str) -> str:
    """`recordings[0].redaction_times[2].end: expected an instant (ISO 8601)`."""
    where = ".".join(f"{array}[{index}]" for array, index in zip(arrays_above(table), place, strict=True))
    separator = "" if not where else " " if what == NO_OBJECT else "."
    return f"{where}{separator}{what}"


def _counted(coerced: Iterable[Coerced], rejected: pa.Array) -> dict[tuple[str, Column, str], int]:
    """The number of converted values by type, in calls that were not rejected."""
    counts = {
        (each.table, each.column, each.came): pc.sum(pc.invert(pc.is_in(each.numbers, rejected))).as_py()
        for each in coerced
    }
    return {what: count for what, count in counts.items() if count}


# --- undeclared keys ----------------------------------------------------------------------------------


def _undeclared(
    inspections: Mapping[int, Inspection],
) -> tuple[dict[str, dict[tuple[int, ...], str]], dict[tuple[str, str], int]]:
    """The values of undeclared keys by table, call and position, and how often each key occurred."""
    extras: dict[str, dict[tuple[int, ...], str]] = {name: {} for name in TABLES}
    counts: Counter[tuple[str, str]] = Counter()
    for number, seen in inspections.items():
        for (table, place), undeclared in seen.undeclared.items():
            extras[table][number, *place] = _exact.encode(undeclared).decode()
            counts.update((table, key) for key in undeclared)
    return extras, dict(counts)


def _extra(rows: Rows, extras: Mapping[tuple[int, ...], str]) -> pa.Array:
    if not extras:
        return pa.nulls(len(rows.numbers), pa.string())
    places = zip(*(each.to_pylist() for each in (rows.numbers, *rows.place.values())), strict=True)
    return pa.array([extras.get(place) for place in places], pa.string())


# --- tables to load -----------------------------------------------------------------------------------


def _landed(
    rows: Rows, columns: Mapping[str, pa.Array], ids: pa.Array, extra: pa.Array, rejected: pa.Array
) -> pa.Table:
    """A table to load, without the rows of rejected calls."""
    keys = {"call_id": ids.take(rows.numbers)} | rows.place if rows.table.parent else {}
    landed = pa.table({**keys, **columns, EXTRA.name: extra}, arrow_schema(rows.table))
    return landed.filter(pc.invert(pc.is_in(rows.numbers, rejected))) if len(rejected) else landed


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table."""
    columns = (*table.key_columns, *table.columns, EXTRA)
    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in columns])
