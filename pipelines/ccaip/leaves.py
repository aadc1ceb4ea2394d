"""Leaves as text → typed columns, and where a leaf does not fit its column.

All leaves of one type, whatever their table, are cast by one statement: with one for each table,
planning hundreds of columns took longer than casting them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.reading import FAULT, VALUE
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


def typed(
    database: duckdb.DuckDBPyConnection, rows: Mapping[str, Rows]
) -> tuple[dict[str, dict[str, pa.Array]], list[Leaf]]:
    """The columns of every table, typed, and the leaves that do not fit: these are NULL."""
    columns = {name: dict(each.texts) for name, each in rows.items()}
    misfits: list[Leaf] = []
    for type_ in VALUE:
        places = list(_leaves(rows, type_))
        texts = [rows[table].texts[column.name] for table, column in places]
        filled = [text for text in texts if text.null_count < len(text)]
        values, faults = _cast(database, type_, filled)
        start = 0
        for (table, column), text in zip(places, texts, strict=True):
            if text.null_count == len(text):
                columns[table][column.name] = pa.nulls(len(text), ARROW_TYPES[type_])
                continue
            columns[table][column.name] = values.slice(start, len(text))
            if faults is not None:
                found = pc.indices_nonzero(faults.slice(start, len(text))).to_pylist()
                misfits += [rows[table].leaf(row, column) for row in found]
            start += len(text)
    return columns, misfits


def perhaps_no_text(rows: Mapping[str, Rows]) -> list[Leaf]:
    """Text columns' leaves that may be an object or array: or else a person typed a brace."""
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
    database: duckdb.DuckDBPyConnection, type_: ColumnType, texts: list[pa.Array]
) -> tuple[pa.Array, pa.Array | None]:
    """The values of all texts, one after the other, and which are faulty; None when none is."""
    leaves = pa.concat_arrays([pa.nulls(0, pa.string()), *texts])
    database.register("leaves", pa.table({"leaf": leaves}))
    cast = database.execute(
        f"select {VALUE[type_]} as value, {FAULT[type_]} as fault from leaves"
    ).to_arrow_table()
    database.unregister("leaves")
    values = cast["value"].combine_chunks().cast(ARROW_TYPES[type_])
    faults = cast["fault"].combine_chunks()
    return values, faults if faults.true_count else None
