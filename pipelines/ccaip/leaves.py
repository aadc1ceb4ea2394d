"""Cast values from text to the types of their columns, and find values that do not fit.

One statement casts all values of a type, from all tables: with a statement per table, planning hundreds of columns
took longer than casting.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.parse_sql import FAULT, VALUE
from pipelines.ccaip.tables import Column, ColumnType
from pipelines.ccaip.unfolding import Leaf, Rows

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "json": pa.string(),
}


EMPTY = ("", '""')
"""An empty text as read from JSON: without quotes in text columns, with quotes in others."""


EMPTY_TEXT = "empty text"
"""Its name in drift."""


@dataclass(frozen=True, slots=True)
class Coerced:
    """Values of another JSON type (`came`) than their column's, by the numbers of their calls.

    They were converted, or are among the values that do not fit.
    """

    table: str
    column: Column
    came: str
    numbers: pa.Array


def typed(
    database: duckdb.DuckDBPyConnection, rows: Mapping[str, Rows]
) -> tuple[dict[str, dict[str, pa.Array]], list[Leaf], list[Coerced]]:
    """The typed columns of every table; the values that do not fit, which are NULL; and those of other types."""
    columns = {name: dict(each.texts) for name, each in rows.items()}
    misfits: list[Leaf] = []
    coerced: list[Coerced] = []
    for type_ in VALUE:
        places = list(_leaves(rows, type_))
        texts = [rows[table].texts[column.name] for table, column in places]
        filled = [text for text in texts if text.null_count < len(text)]
        leaves = pa.concat_arrays([pa.nulls(0, pa.string()), *filled])
        leaves, empty = _without_empty(type_, leaves)
        others = _other_types(type_, leaves)
        if empty is not None:
            others[EMPTY_TEXT] = empty
        if (text := others.get("text")) is not None:
            leaves = _without_quotes(database, leaves, text)
        values, faults = _cast(database, type_, leaves)
        start = 0
        for (table, column), text in zip(places, texts, strict=True):
            if text.null_count == len(text):
                columns[table][column.name] = pa.nulls(len(text), ARROW_TYPES[type_])
                continue
            columns[table][column.name] = values.slice(start, len(text))
            if faults is not None:
                found = pc.indices_nonzero(faults.slice(start, len(text))).to_pylist()
                misfits += [rows[table].leaf(row, column) for row in found]
            for came, mask in others.items():
                numbers = rows[table].numbers.filter(mask.slice(start, len(text)))
                if len(numbers):
                    coerced.append(Coerced(table, column, came, numbers))
            start += len(text)
    return columns, misfits, coerced


def perhaps_no_text(rows: Mapping[str, Rows]) -> list[Leaf]:
    """Values of text columns that may be an object or array, or a text that starts with a brace."""
    places = list(_leaves(rows, "text"))
    texts = pa.chunked_array([rows[table].texts[column.name] for table, column in places], pa.string())
    starts = list(accumulate((len(text) for text in texts.chunks), initial=0))
    nested = pc.or_(pc.starts_with(texts, "{"), pc.starts_with(texts, "["))
    found = []
    for index in pc.indices_nonzero(nested).to_pylist():
        number = bisect_right(starts, index) - 1
        table, column = places[number]
        found.append(rows[table].leaf(index - starts[number], column))
    return found


def _leaves(rows: Mapping[str, Rows], type_: ColumnType) -> Iterator[tuple[str, Column]]:
    """The columns of a type, in all tables."""
    for name, each in rows.items():
        yield from ((name, column) for column in each.table.columns if column.type == type_)


def _cast(
    database: duckdb.DuckDBPyConnection, type_: ColumnType, leaves: pa.Array
) -> tuple[pa.Array, pa.Array | None]:
    """The cast values, and which of them do not fit; None if all fit."""
    database.register("leaves", pa.table({"leaf": leaves}))
    cast = database.execute(
        f"select {VALUE[type_]} as value, {FAULT[type_]} as fault from leaves"
    ).to_arrow_table()
    database.unregister("leaves")
    values = cast["value"].combine_chunks().cast(ARROW_TYPES[type_])
    faults = cast["fault"].combine_chunks()
    return values, faults if faults.true_count else None


def _without_empty(type_: ColumnType, leaves: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """The values with NULL instead of an empty text, and which those are, if any."""
    empty = pc.fill_null(pc.is_in(leaves, pa.array(EMPTY)), False)
    if not empty.true_count:
        return leaves, None
    return pc.if_else(empty, pa.scalar(None, pa.string()), leaves), empty


def _other_types(type_: ColumnType, leaves: pa.Array) -> dict[str, pa.Array]:
    """The values of another JSON type that can be converted to the column's, by the name of that type.

    Other column types convert nothing. 0 and 1 for a flag do not count: the vendor's documents mix them with false
    and true.
    """
    found = {}
    if type_ in ("bigint", "double", "bool"):
        found["text"] = pc.starts_with(leaves, '"')
    if type_ == "bigint":
        found["number with a fraction"] = pc.and_not(
            pc.or_(pc.match_substring(leaves, "."), pc.match_substring(leaves, "e")), found["text"]
        )
    return {came: mask for came, each in found.items() if (mask := each.fill_null(False)).true_count}


def _without_quotes(database: duckdb.DuckDBPyConnection, leaves: pa.Array, quoted: pa.Array) -> pa.Array:
    database.register("quoted", pa.table({"leaf": leaves.filter(quoted)}))
    bare = database.execute("select json_extract_string(leaf, '$') as leaf from quoted").to_arrow_table()
    database.unregister("quoted")
    return pc.replace_with_mask(leaves, quoted, bare["leaf"].combine_chunks())
