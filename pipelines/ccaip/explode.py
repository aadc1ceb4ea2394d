"""Calls as JSON → one Arrow table per declared table.

The work is done by DuckDB's JSON reader over whole chunks; on the common path Python touches no
field. What is read is derived from `tables`, so that a declared key fills its column and an
undeclared one goes to `_extra`.

A call with a fault (a wrong type, an array that is no array, no id) is rejected as a whole, so that
a call's rows never disagree with each other; it keeps its body and every reason.

Each call also leaves a tombstone in every table where it has no row: the merge deletes what an
earlier version of the call had there, and inserts nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.reading import Reading
from pipelines.ccaip.tables import EXTRA, TABLES, ColumnType, Table

DELETED = "_deleted"
"""The tombstone's mark: a row that has it deletes and is not inserted (dlt's `hard_delete`)."""

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "json": pa.string(),
}

_READINGS = {name: Reading(table) for name, table in TABLES.items()}
_REASONS_KEPT = 20
_ROWS_PARSED_AT_ONCE = 128  # 2,048, the database's own, take 200 MB for 25 MB of JSON


@dataclass(frozen=True, slots=True)
class Rejected:
    """A call that could not be read: its place among the calls given, and why (never a value)."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Exploded:
    """A chunk of calls as tables: every declared table, tombstones included.

    `unknown_keys` counts, by table and dotted path, how often a key came that nobody declared.
    """

    tables: dict[str, pa.Table]
    rejected: list[Rejected] = field(default_factory=list)
    unknown_keys: dict[tuple[str, str], int] = field(default_factory=dict)


class Exploder:
    """Explodes chunks of calls, one after the other, in a DuckDB of its own in memory."""

    def __init__(self) -> None:
        # One thread: the other core is landing the chunk before, and idle helpers would spin.
        # Memory goes back when a batch is done, instead of being kept for the next.
        self._db = duckdb.connect(
            ":memory:",
            config={
                "threads": 1,
                "allocator_background_threads": True,
                "allocator_bulk_deallocation_flush_threshold": "1MB",
            },
        )
        self._db.execute("set timezone = 'UTC'")

    def close(self) -> None:
        """Give the memory back."""
        self._db.close()

    def explode(self, calls: Sequence[bytes]) -> Exploded:
        """Read `calls`, each the JSON of one call, each call once."""
        numbers = pa.array(range(len(calls)), pa.int64())
        texts = pa.array(calls, pa.binary()).cast(pa.string())
        self._register("bodies", pa.table({"call_number": numbers, "j": texts}))
        try:
            return self._explode("bodies", {})
        except duckdb.InvalidInputException:
            # valid to the client's reader, not to this one: half of a surrogate pair, say
            broken = self._db.execute("select call_number from bodies where not json_valid(j)").fetchall()
            if not broken:
                raise
            reasons = {
                number: ["is no JSON that can be kept (a broken escape, perhaps)"] for (number,) in broken
            }
            return self._explode("(select * from bodies where json_valid(j))", reasons)
        finally:
            self._db.unregister("bodies")

    def _register(self, name: str, rows: pa.Table) -> None:
        """Show rows to the database in small batches: it parses a batch's JSON all at once."""
        batches = rows.to_batches(max_chunksize=_ROWS_PARSED_AT_ONCE)
        self._db.register(name, pa.Table.from_batches(batches, rows.schema))

    def _explode(self, bodies: str, reasons: dict[int, list[str]]) -> Exploded:
        read: dict[str, pa.Table] = {}
        unknown: dict[tuple[str, str], int] = {}
        extras: dict[str, pa.Array] = {}
        for table in TABLES.values():
            source = _elements(table) if table.parent else bodies
            rows = self._read(table, source, _parents(table, read[table.parent]) if table.parent else None)
            for number, faults in self._faults(table, source, _flagged(rows, "faulty")).items():
                reasons.setdefault(number, []).extend(faults)
            unfamiliar = _flagged(rows, "unfamiliar")
            unknown |= self._unknown_keys(table, source, unfamiliar)
            extras[table.name] = self._extra(table, source, unfamiliar, rows)
            read[table.name] = rows
        calls = _without(read["calls"], reasons)
        tables = {
            name: _landed(TABLES[name], rows.append_column(EXTRA.name, extras[name]), calls, reasons)
            for name, rows in read.items()
        }
        rejected = [
            Rejected(number, "; ".join(why[:_REASONS_KEPT])) for number, why in sorted(reasons.items())
        ]
        return Exploded(tables, rejected, unknown)

    def _read(self, table: Table, source: str, parents: pa.Table | None) -> pa.Table:
        """The table's typed rows and flags. Most arrays are empty in most batches: those cost nothing."""
        if parents is not None:
            if not parents.num_rows:
                return _rows_schema(table).empty_table()
            self._register("parent", parents)
        return self._db.execute(_READINGS[table.name].rows(source)).to_arrow_table()

    def _faults(self, table: Table, source: str, numbers: list[int]) -> dict[int, list[str]]:
        """Look closer at the flagged calls: which have a fault in this table, and which faults."""
        if not numbers:
            return {}
        keys = [column.name for column in table.key_columns]
        reasons: dict[int, list[str]] = defaultdict(list)
        for number, *place, faults in self._db.execute(
            _READINGS[table.name].faults(_only(source, numbers))
        ).fetchall():
            where = _place(table, dict(zip(keys, place, strict=True)))
            reasons[number] += [_reason(where, fault) for fault in faults]
        return reasons

    def _unknown_keys(self, table: Table, source: str, numbers: list[int]) -> dict[tuple[str, str], int]:
        if not numbers:
            return {}
        reading = _READINGS[table.name]
        return {
            (table.name, f"{name}.{key}" if name else key): count
            for name, key, count in self._db.execute(reading.keys(_only(source, numbers))).fetchall()
            if key not in reading.objects[name]
        }

    def _extra(self, table: Table, source: str, numbers: list[int], rows: pa.Table) -> pa.Array:
        """What undeclared keys hold, for each of `rows`. Rare, so read in Python: exactly, nulls included."""
        if not numbers:
            return pa.nulls(rows.num_rows, pa.string())
        keys = ["call_number", *(column.name for column in table.key_columns)]
        objects = _READINGS[table.name].objects
        found = {}
        for *key, text in self._db.execute(
            f"select {', '.join(keys)}, j from {_only(source, numbers)}"
        ).fetchall():
            if kept := _undeclared(msgspec.json.decode(text), objects):
                found[tuple(key)] = msgspec.json.encode(kept).decode()
        places = zip(*(rows[key].to_pylist() for key in keys), strict=True)
        return pa.array([found.get(place) for place in places], pa.string())


def _flagged(rows: pa.Table, flag: str) -> list[int]:
    """The calls of which a row has the flag."""
    return pc.unique(rows.filter(rows[flag])["call_number"]).to_pylist()


def _only(source: str, numbers: list[int]) -> str:
    """The part of a source that belongs to some calls."""
    return f"(select * from {source} where call_number in ({', '.join(map(str, numbers))}))"


def _without(rows: pa.Table, rejected: Iterable[int]) -> pa.Table:
    numbers = pa.array(rejected, pa.int64())
    return rows.filter(pc.invert(pc.is_in(rows["call_number"], numbers))) if len(numbers) else rows


def _landed(table: Table, rows: pa.Table, calls: pa.Table, rejected: Iterable[int]) -> pa.Table:
    """A table as it lands: without the rejected calls' rows, with tombstones for calls that have none."""
    schema = arrow_schema(table)
    good = _without(rows, rejected)
    parts = [
        good.append_column(DELETED, pa.nulls(good.num_rows, pa.bool_())).select(schema.names).cast(schema)
    ]
    if table.parent:
        silent = calls.filter(pc.invert(pc.is_in(calls["call_number"], good["call_number"])))["id"]
        zeroes = pa.repeat(pa.scalar(0, pa.int64()), len(silent))
        keys = {"call_id": silent} | dict.fromkeys(table.key[1:], zeroes)
        parts.append(pa.table(keys | {DELETED: pa.repeat(pa.scalar(True), len(silent))}))
    return pa.concat_tables(parts, promote_options="default")


def _undeclared(element: dict[str, Any], objects: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """What stands under undeclared keys, by dotted path."""
    kept = {key: value for key, value in element.items() if key not in objects[""]}
    for name, keys in objects.items():
        inner = element.get(name) if name else None
        if isinstance(inner, dict):
            kept |= {f"{name}.{key}": value for key, value in inner.items() if key not in keys}
    return kept


def _parents(table: Table, rows: pa.Table) -> pa.Table:
    """Of the parent's rows, what elements need: the keys, and the array's JSON where it is not empty."""
    parent = TABLES[table.parent]
    array = f"array {table.array}"
    rows = rows.filter(pc.not_equal(rows[array], "[]"))
    keys = {"call_number": "call_number", **{key: key for key in table.key[:-1]}}
    keys |= {"call_id": "id"} if not parent.parent else {f"{parent.singular}_idx": "idx"}
    return pa.table({name: rows[column] for name, column in keys.items()} | {"elements": rows[array]})


def _elements(table: Table) -> str:
    """SQL for the elements of a table's arrays: the parents' keys, `idx`, and the element as `j`."""
    keys = ", ".join(("call_number", *table.key[:-1]))
    return (
        f"(select {keys}, unnest(range(len(elements))) as idx, unnest(elements) as j from"
        f""" (select {keys}, from_json(elements, '["JSON"]') as elements from parent where left(elements, 1) = '['))"""
    )


def _rows_schema(table: Table) -> pa.Schema:
    """The Arrow schema of `Reading.rows`."""
    columns = [(c.name, ARROW_TYPES[c.type]) for c in (*table.key_columns, *table.columns)]
    arrays = [(f"array {child.array}", pa.string()) for child in _READINGS[table.name].arrays]
    flags = [("faulty", pa.bool_()), ("unfamiliar", pa.bool_())]
    return pa.schema([("call_number", pa.int64()), *columns, *arrays, *flags])


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table as it is landed."""
    columns = (*table.key_columns, *table.columns, EXTRA)
    return pa.schema([*((c.name, ARROW_TYPES[c.type]) for c in columns), (DELETED, pa.bool_())])


def _place(table: Table, keys: dict[str, int]) -> str:
    """Where in the call a row stands: `recordings[0].redaction_times[2]`."""
    if not table.parent:
        return ""
    parent = TABLES[table.parent]
    above = f"{parent.array}[{keys[f'{parent.singular}_idx']}]." if parent.parent else ""
    return f"{above}{table.array}[{keys['idx']}]"


def _reason(where: str, fault: str) -> str:
    """`handle_durations[0].hold_duration: expected a whole number`."""
    separator = "" if not where else " " if fault.startswith("is ") else "."
    return f"{where}{separator}{fault}"
