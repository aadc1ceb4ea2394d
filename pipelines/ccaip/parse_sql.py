"""What DuckDB's JSON reader is asked for, derived from `tables`.

Leaves come as text (a JSON string without its quotes, anything else as written), since vendor and
payloads disagree about types; where a number or a flag is expected a string keeps its quotes, so that it can
be told from one. `VALUE` and `FAULT` say what a column makes of such a text, without quotes: a value
whose meaning is plain is coerced (0 → false, "5" → 5); a value whose meaning is not is a fault:
2.5 is no 2, and nothing is ever rounded or cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.ccaip.tables import CHILDREN, TABLES, Column, ColumnType, Table

EXPECTED: dict[ColumnType, str] = {
    "text": "a text",
    "bigint": "a whole number",
    "double": "a number",
    "bool": "true or false",
    "timestamp": "an instant (ISO 8601)",
    "json": "JSON",
}
"""What a rejected call's reason says should have stood there."""

VALUE: dict[ColumnType, str] = {
    "bigint": "try_cast(leaf as bigint)",
    "double": "try_cast(leaf as double)",
    "bool": (
        "case when lower(leaf) in ('true', '1') then true when lower(leaf) in ('false', '0') then false end"
    ),
    "timestamp": "try_cast(leaf as timestamptz)",
}
"""SQL for the value of a `leaf`, by the type of its column. Text and JSON are their own value."""

FAULT: dict[ColumnType, str] = {
    # DuckDB rounds "2.5" to 3 and reads "0x10" as 16: comparing with the double finds both
    "bigint": "leaf is not null and coalesce(try_cast(leaf as bigint) <> try_cast(leaf as double), true)",
    "double": "leaf is not null and coalesce(not isfinite(try_cast(leaf as double)), true)",
    "bool": "leaf is not null and lower(leaf) not in ('true', 'false', '1', '0')",
    # DuckDB reads more ('infinity', time zones by name, years before 1), which nobody else does. What is not written
    # in the usual way is left to `page.parse_instant`, so that there is one reading of an instant.
    "timestamp": (
        "leaf is not null and coalesce(not (leaf[5] = '-' and leaf[11] in ('T', ' ') and leaf[12:13] <> '24' and ("
        "leaf[-1] = 'Z' and length(leaf) <= 27 or leaf[-3] = ':' and leaf[-6] in ('+', '-') and leaf[-5] < '2' and leaf[-2] < '6' and length(leaf) <= 32)"
        " and try_cast(leaf as timestamptz) between timestamptz '0001-01-01 00:00:00Z' "
        "and timestamptz '9999-12-31 23:59:59.999999Z'), true)"
    ),
}
"""SQL that is true where a `leaf` has a value its column cannot hold."""

NO_OBJECT = "is no object"


@dataclass(frozen=True)
class Shape:
    """How an element of one declared table looks in JSON."""

    table: Table

    @cached_property
    def arrays(self) -> tuple[Table, ...]:
        """The tables whose arrays hang below this one's elements."""
        return tuple(child for child in CHILDREN if child.parent == self.table.name)

    @cached_property
    def whole_element(self) -> bool:
        """Whether the element is kept whole, because nobody documents what is in it."""
        return any(not column.path for column in self.table.columns)

    @cached_property
    def objects(self) -> dict[str, frozenset[str]]:
        """The nested objects and their declared keys; the element itself under the empty name."""
        declared: dict[str, set[str]] = {"": {child.array for child in self.arrays}}
        for path in self._paths():
            if len(path) > 1:
                declared.setdefault(path[0], set()).add(path[1])
            declared[""].add(path[0])
        return {name: frozenset(keys) for name, keys in declared.items()}

    def _paths(self) -> list[tuple[str, ...]]:
        paths = [path for column in self.table.columns for path in (column.path, *column.aliases) if path]
        deep = [path for path in paths if len(path) > 2]
        if deep:
            raise ValueError(f"{self.table.name}: objects nest one level deep at most, {deep[0]} is deeper")
        return paths

    @cached_property
    def structure(self) -> Any:
        """What the reader is asked for: texts and instants without their quotes, all else as it came."""
        if self.whole_element:
            return "JSON"
        structure: dict[str, Any] = {name: {} for name in self.objects if name}
        for column in self.table.columns:
            for *above, key in (column.path, *column.aliases):
                inner = structure[above[0]] if above else structure
                inner[key] = "VARCHAR" if column.type in ("text", "timestamp") else "JSON"
        return structure | {child.array: [SHAPES[child.name].structure] for child in self.arrays}

    @cached_property
    def faults(self) -> tuple[str, ...]:
        """What can be wrong with an element, in the order in which reasons name it."""
        return (
            NO_OBJECT,
            *(no_object(name) for name in self.objects if name),
            *(no_array(child.array) for child in self.arrays),
            *(unexpected(column) for column in self.table.columns),
            *(missing(name) for name in REQUIRED),
        )


def unexpected(column: Column) -> str:
    """The fault of a leaf that does not fit its column."""
    return f"{'.'.join(column.path)}: expected {EXPECTED[column.type]}"


def no_object(name: str) -> str:
    """The fault of a nested object that is none."""
    return f"{name}: expected an object"


def no_array(name: str) -> str:
    """The fault of an array that is none."""
    return f"{name}: expected an array"


def missing(name: str) -> str:
    """The fault of a call that lacks what no call can lack."""
    return f"{name}: missing"


REQUIRED = ("id", "updated_at")
"""The columns of `calls` that are never NULL."""

SHAPES = {name: Shape(table) for name, table in TABLES.items()}

STRUCTURE = json.dumps(SHAPES["calls"].structure)
"""A whole call, as DuckDB's `from_json` wants it described."""


@contextmanager
def shown(
    database: duckdb.DuckDBPyConnection, name: str, calls: Sequence[bytes], at_once: int
) -> Iterator[None]:
    """Show the JSON of `calls` to the database, once: the column `json` of a relation.

    The database parses what it is handed at once before it goes on. Left to itself it takes 2,048
    calls, and ten times their memory; here their text is in memory but for a moment, too.
    """
    schema = pa.schema({"json": pa.string()})
    batches = (
        pa.record_batch([pa.array(some, pa.binary()).cast(pa.string())], schema)
        for some in (calls[start : start + at_once] for start in range(0, len(calls), at_once))
    )
    database.register(name, pa.RecordBatchReader.from_batches(schema, batches))
    try:
        yield
    finally:
        database.unregister(name)


def quoted(name: str) -> str:
    """A name as a step of a JSON path."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
