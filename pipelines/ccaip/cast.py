"""Cast values from text to the types of their columns, and find values that do not fit.

One statement casts all values of a type, from all tables: with a statement per table, planning hundreds of columns
took longer than casting.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.page import parse_instant
from pipelines.ccaip.parse_sql import FAULT, VALUE
from pipelines.ccaip.tables import Column, ColumnType
from pipelines.ccaip.unnest import Leaf, Rows

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "json": pa.string(),
}


NOTHING = {
    "empty text": re.compile(r"\s*"),
    "the text null": re.compile(r"\s*null\s*", re.IGNORECASE),
    "zero date": re.compile(r"0000-00-00.*"),
}
"""Texts that stand for nothing where a number, a flag or an instant belongs, by what drift calls them."""


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
        others = _other_types(type_, leaves)
        if (text := others.get("text")) is not None:
            leaves = _without_quotes(database, leaves, text)
        values, faults = _cast(database, type_, leaves)
        if faults is not None:
            values, faults, nothing = _second_look(type_, leaves, values, faults)
            for mask in nothing.values():
                others = {came: pc.and_not(other, mask) for came, other in others.items()}
            others |= nothing
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


def _second_look(
    type_: ColumnType, leaves: pa.Array, values: pa.Array, faults: pa.Array
) -> tuple[pa.Array, pa.Array, dict[str, pa.Array]]:
    """Values and faults once the faulty leaves were looked at one by one; and which stand for nothing, by their name.

    Instants are read here as the client reads `updated_at`.
    """
    nothing: dict[str, list[int]] = {}
    instants: dict[int, datetime] = {}
    found = pc.indices_nonzero(faults)
    for index, leaf in zip(found.to_pylist(), leaves.take(found).to_pylist(), strict=True):
        if name := next((name for name, pattern in NOTHING.items() if pattern.fullmatch(leaf)), None):
            nothing.setdefault(name, []).append(index)
        elif type_ == "timestamp" and (instant := parse_instant(leaf)):
            instants[index] = instant
    masks = {name: _at(indices, len(leaves)) for name, indices in nothing.items()}
    read = _at(instants, len(leaves))
    values = pc.replace_with_mask(values, read, pa.array(instants.values(), values.type))
    for mask in (read, *masks.values()):
        faults = pc.and_not(faults, mask)
    return values, faults, masks


def _at(indices: Collection[int], length: int) -> pa.Array:
    """True at these indices."""
    return pc.is_in(pa.arange(0, length), pa.array(indices, pa.int64()))


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
