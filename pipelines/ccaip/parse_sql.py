"""The structure and SQL for DuckDB's JSON reader, derived from `tables`.

Values are read as text (a JSON string without its quotes, anything else as written), because the vendor's documents
and payloads disagree about types. Where a number or a flag is expected, a string keeps its quotes, so that it can be
distinguished. `VALUE` and `FAULT` convert such a text, without quotes, to the column's type: a value with a clear
meaning is converted (0 → false, "5" → 5), any other is a fault. 2.5 is not 2: nothing is rounded or truncated.
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
"""The expected value, as named in the reason of a rejected call."""

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
    # DuckDB accepts more ('infinity', time zones by name, years before 1). What is not written in the usual way is left
    # to `page.parse_instant`, so that an instant has one meaning.
    "timestamp": (
        "leaf is not null and coalesce(not (leaf[5] = '-' and leaf[11] in ('T', ' ') and leaf[12:13] <> '24' and ("
        "leaf[-1] = 'Z' and length(leaf) <= 27 or leaf[-3] = ':' and leaf[-6] in ('+', '-') and leaf[-5] < '2' "
        "and leaf[-2] < '6' and length(leaf) <= 32) and try_cast(leaf as timestamptz) between "
        "timestamptz '0001-01-01 00:00:00Z' and timestamptz '9999-12-31 23:59:59.999999Z'), true)"
    ),
}
"""SQL that is true if the column cannot hold the value of a `leaf`."""

NO_OBJECT = "is no object"


@dataclass(frozen=True)
class Shape:
    """The JSON structure of an element of one declared table."""

    table: Table

    @cached_property
    def arrays(self) -> tuple[Table, ...]:
        """The tables whose arrays are inside this table's elements."""
        return tuple(child for child in CHILDREN if child.parent == self.table.name)

    @cached_property
    def whole_element(self) -> bool:
        """Whether the element is stored as JSON, because its contents are not documented."""
        return any(not column.path for column in self.table.columns)

    @cached_property
    def objects(self) -> dict[str, frozenset[str]]:
        """The nested objects and their declared keys; the element itself has the empty name."""
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
            raise ValueError(
                f"{self.table.name}: objects may be nested one level deep, but {deep[0]} is deeper"
            )
        return paths

    @cached_property
    def structure(self) -> Any:
        """The structure to read: texts and instants without quotes, everything else as written."""
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
        """The possible faults of an element, in the order of the reasons."""
        return (
            NO_OBJECT,
            *(no_object(name) for name in self.objects if name),
            *(no_array(child.array) for child in self.arrays),
            *(unexpected(column) for column in self.table.columns),
            *(missing(name) for name in REQUIRED),
        )


def unexpected(column: Column) -> str:
    """The fault of a value that does not fit its column."""
    return f"{'.'.join(column.path)}: expected {EXPECTED[column.type]}"


def no_object(name: str) -> str:
    """The fault of a value that should be an object."""
    return f"{name}: expected an object"


def no_array(name: str) -> str:
    """The fault of a value that should be an array."""
    return f"{name}: expected an array"


def missing(name: str) -> str:
    """The fault of a call without a required value."""
    return f"{name}: missing"


REQUIRED = ("id", "updated_at")
"""The columns of `calls` that are never NULL."""

SHAPES = {name: Shape(table) for name, table in TABLES.items()}

STRUCTURE = json.dumps(SHAPES["calls"].structure)
"""The structure of a call for DuckDB's `from_json`."""


@contextmanager
def shown(
    database: duckdb.DuckDBPyConnection, name: str, calls: Sequence[bytes], at_once: int
) -> Iterator[None]:
    """Pass the JSON of `calls` to the database as the column `json` of a relation that can be read once.

    The database parses a batch before it reads the next. Its default batch of 2,048 calls needs ten times their
    memory; smaller batches also free their text sooner.
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
