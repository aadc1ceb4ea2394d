"""Find calls with undeclared keys without comparing every key.

Most objects of a kind have the same keys. DuckDB computes a fingerprint of each object's list of keys, and a list is
compared with the declared keys only when its fingerprint is new.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.inspection import Spot
from pipelines.ccaip.parse_sql import SHAPES, literal, quoted, shown
from pipelines.ccaip.tables import TABLES, Table
from pipelines.ccaip.unnest import Rows

_ELEMENTS = 8
"""The number of elements of an array that are fingerprinted; a call with longer arrays is inspected completely."""

_CALLS_AT_ONCE = 64  # with more, the lists of keys exceed the processor's cache

_ALL_BITS = 2**64 - 1
_SPREAD = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: its multiples differ in all bits


class KnownKeys:
    """Remembers the lists of keys of earlier batches."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        self._declared: set[int] = set()
        self._undeclared: set[int] = set()
        self._repeated: set[int] = set()
        kinds = [(name, inner) for name, shape in SHAPES.items() for inner in shape.objects]
        # the same keys may be declared in one kind of object and not in another
        self._salts = {kind: number * _SPREAD & _ALL_BITS for number, kind in enumerate(kinds, 1)}

    def undeclared(
        self, calls: Sequence[bytes], rows: Mapping[str, Rows]
    ) -> tuple[dict[int, list[Spot]], set[int]]:
        """The objects with undeclared keys of each call, and the calls with a key twice in one object.

        `rows` are the parsed calls. Long arrays are only checked in part: see `with_long_arrays`.
        """
        spots = list(_spots(TABLES["calls"], (), (), rows))
        prints = self._fingerprints(calls, spots)
        self._compare(prints, calls, spots)
        found: dict[int, list[Spot]] = defaultdict(list)
        for index in pc.indices_nonzero(pc.is_in(prints, _values(self._undeclared))).to_pylist():
            number, spot = divmod(index, len(spots))
            found[number].append(spots[spot])
        return found, self._with_repeated_keys(prints, len(spots))

    def _with_repeated_keys(self, prints: pa.Array, spots: int) -> set[int]:
        if not self._repeated:
            return set()
        places = pc.indices_nonzero(pc.is_in(prints, _values(self._repeated))).to_pylist()
        return {place // spots for place in places}

    def _fingerprints(self, calls: Sequence[bytes], spots: list[Spot]) -> pa.Array:
        """A fingerprint of the keys at each spot of each call, or a fixed number if there is no object."""
        prints = self._keys(calls, spots, "hash(unnest({}))")
        salts = pa.array([self._salts[spot.table, spot.name] for spot in spots], pa.uint64())
        return pc.bit_wise_xor(prints, pa.concat_arrays([salts[:0], *[salts] * len(calls)]))

    def _compare(self, prints: pa.Array, calls: Sequence[bytes], spots: list[Spot]) -> None:
        """Compare the first object of every new fingerprint with the declared keys."""
        seen = _values(self._declared | self._undeclared)
        new = pc.unique(prints.filter(pc.invert(pc.is_in(prints, seen)))).to_pylist()
        first = [divmod(prints.index(fingerprint).as_py(), len(spots)) for fingerprint in new]
        # the keys as DuckDB sees them: JSON readers treat repeated keys differently
        keys = self._keys([calls[call] for call, _ in first], spots, "{}").to_pylist()
        for fingerprint, (_, number), at_spots in zip(new, first, keys, strict=True):
            spot = spots[number]
            listed = at_spots[number] or ()
            declared = SHAPES[spot.table].objects[spot.name].issuperset(listed)
            (self._declared if declared else self._undeclared).add(fingerprint)
            if len(set(listed)) < len(listed):
                self._repeated.add(fingerprint)

    def _keys(self, calls: Sequence[bytes], spots: list[Spot], expression: str) -> pa.Array:
        """An SQL expression of the calls' lists of keys, one list for each spot."""
        paths = ", ".join(literal(_pointer(spot.path)) for spot in spots)
        keys = expression.format(f"json_keys(json, [{paths}])")
        with shown(self._database, "calls", calls, _CALLS_AT_ONCE):
            return self._database.execute(f"select {keys} from calls").to_arrow_table()[0].combine_chunks()


def with_long_arrays(rows: Mapping[str, Rows]) -> set[int]:
    """The calls with arrays of which `KnownKeys` checks only the beginning."""
    numbers: set[int] = set()
    for each in rows.values():
        if each.longest > _ELEMENTS:
            numbers.update(each.numbers.filter(pc.greater_equal(each.place["idx"], _ELEMENTS)).to_pylist())
    return numbers


def _spots(
    table: Table, place: tuple[int, ...], path: tuple[str | int, ...], rows: Mapping[str, Rows]
) -> Iterator[Spot]:
    shape = SHAPES[table.name]
    if shape.whole_element:
        return
    for name in shape.objects:
        yield Spot(table.name, place, name, (*path, name) if name else path)
    for child in shape.arrays:
        for number in range(min(rows[child.name].longest, _ELEMENTS)):
            yield from _spots(child, (*place, number), (*path, child.array, number), rows)


def _pointer(path: tuple[str | int, ...]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{quoted(step)}" for step in path)


def _values(fingerprints: set[int]) -> pa.Array:
    return pa.array(fingerprints, pa.uint64())
