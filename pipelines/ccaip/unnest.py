"""Split nested calls from the JSON reader into the rows of every table, with values still as text.

This uses Arrow's kernels, mostly without copying.

The reader does not report an object in place of an array, or a text in place of an object: it returns NULL, or an
object of NULLs. Most of these are harmless (`null`, `{}`), so such calls are only marked as doubtful and inspected
later.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.parse_sql import SHAPES
from pipelines.ccaip.tables import TABLES, Column, Table

Place = tuple[int, ...]
"""The position of an element in its call: the indices of the arrays it is in."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value of a call: the call's number, the table, the element's position in the call, the column."""

    number: int
    table: str
    place: Place
    column: Column


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table. `numbers` are their calls, `place` their position in the call, by key column.

    `texts` has the values of each declared column; `longest` is the length of the longest array; `doubtful` has the
    numbers of calls in which a NULL may be a value that should be an object or array.
    """

    table: Table
    numbers: pa.Array
    place: dict[str, pa.Array]
    texts: dict[str, pa.Array]
    longest: int
    doubtful: pa.Array

    def leaf(self, row: int, column: Column) -> Leaf:
        """The position of a row's value."""
        place = tuple(each[row].as_py() for each in self.place.values())
        return Leaf(self.numbers[row].as_py(), self.table.name, place, column)


def unnest(calls: pa.Array, numbers: pa.Array) -> dict[str, Rows]:
    """The rows of every table. `calls` are structs as described by `parse_sql.STRUCTURE`."""
    found: dict[str, Rows] = {}
    _unnest(TABLES["calls"], calls, numbers, {}, 0, found)
    return {name: found[name] for name in TABLES}


def _unnest(
    table: Table,
    elements: pa.Array,
    numbers: pa.Array,
    place: dict[str, pa.Array],
    longest: int,
    found: dict[str, Rows],
) -> None:
    shape = SHAPES[table.name]
    if shape.whole_element:
        texts = {column.name: elements for column in table.columns}
        found[table.name] = Rows(table, numbers, place, texts, longest, numbers[:0])
        return
    fields = {"": _fields(elements)}
    fields |= {name: _fields(fields[""][name]) for name in shape.objects if name}
    doubts = [elements.is_null()] if elements.null_count else []
    doubts += [mask for name in shape.objects if (mask := _empty(name, elements, fields)) is not None]
    for child in shape.arrays:
        array = fields[""][child.array]
        if array.null_count > elements.null_count:
            doubts.append(pc.and_(array.is_null(), elements.is_valid()))
        _unnest_array(child, array, numbers, place, found)
    doubtful = numbers.filter(reduce(pc.or_, doubts)) if doubts else numbers[:0]
    texts = {column.name: _text(column, fields) for column in table.columns}
    found[table.name] = Rows(table, numbers, place, texts, longest, doubtful)


def _unnest_array(
    table: Table, array: pa.Array, numbers: pa.Array, place: dict[str, pa.Array], found: dict[str, Rows]
) -> None:
    lengths = array.value_lengths().fill_null(0).cast(pa.int64())
    starts = pc.subtract(pc.cumulative_sum(lengths), lengths)
    parents = pc.list_parent_indices(array)
    index = pc.subtract(pa.arange(0, len(parents)), starts.take(parents))
    inside = {name: each.take(parents) for name, each in place.items()}
    if place:
        inside = {f"{TABLES[table.parent].singular}_idx": inside["idx"]}
    _unnest(
        table,
        array.flatten(),
        numbers.take(parents),
        inside | {"idx": index},
        pc.max(lengths).as_py() or 0,
        found,
    )


def _fields(struct: pa.Array) -> dict[str, pa.Array]:
    return dict(zip((field.name for field in struct.type), struct.flatten(), strict=True))


def _empty(name: str, elements: pa.Array, fields: dict[str, dict[str, pa.Array]]) -> pa.Array | None:
    """The rows in which an object has only NULLs; None if there are none."""
    struct = fields[""][name] if name else elements
    values = fields[name].values()
    if any(value.null_count == struct.null_count for value in values):
        return None
    anything = reduce(pc.or_, (value.is_valid() for value in values))
    return pc.and_not(struct.is_valid(), anything)


def _text(column: Column, fields: dict[str, dict[str, pa.Array]]) -> pa.Array:
    """A column's text: the first of its paths that has one."""
    texts = [fields["".join(above)][key] for *above, key in (column.path, *column.aliases)]
    return texts[0] if len(texts) == 1 else pc.coalesce(*texts)
