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
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from pipelines.ccaip.reading import Reading, quoted
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
        self._db = duckdb.connect(":memory:")
        self._db.execute("set timezone = 'UTC'")
        # the statements are simple and wide: planning them costs more than any better plan saves
        self._db.execute("pragma disable_optimizer")

    def close(self) -> None:
        """Give the memory back."""
        self._db.close()

    def explode(self, calls: Sequence[bytes]) -> Exploded:
        """Read `calls`, each the JSON of one call, each call once."""
        numbers = pa.array(range(len(calls)), pa.int64())
        self._db.register(
            "bodies", pa.table({"call_number": numbers, "j": pa.array(calls, pa.binary()).cast(pa.string())})
        )
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
            return self._explode("(from bodies where json_valid(j))", reasons)
        finally:
            self._db.unregister("bodies")
            for name in TABLES:
                self._db.execute(f"drop table if exists {_rows(name)}")

    def _explode(self, bodies: str, reasons: dict[int, list[str]]) -> Exploded:
        unknown: dict[tuple[str, str], int] = {}
        for table in TABLES.values():
            reading = _READINGS[table.name].rows("source")
            source = f"with source as ({_elements(table) if table.parent else f'select * from {bodies}'})"
            self._db.execute(f"create or replace temp table {_rows(table.name)} as {source} from ({reading})")
            for number, faults in self._faults(table).items():
                reasons.setdefault(number, []).extend(faults)
            unknown |= self._unknown_keys(table)
        self._db.register("rejected", pa.table({"number": pa.array(reasons, pa.int64())}))
        return Exploded(
            {table.name: self._collect(table, unknown) for table in TABLES.values()},
            [
                Rejected(number, "; ".join(faults[:_REASONS_KEPT]))
                for number, faults in sorted(reasons.items())
            ],
            unknown,
        )

    def _faults(self, table: Table) -> dict[int, list[str]]:
        """Look closer at the flagged rows: which calls have a fault, and which faults."""
        flagged = f"(from {_rows(table.name)} where faulty)"
        if not self._db.execute(f"{flagged} limit 1").fetchone():
            return {}
        keys = [column.name for column in table.key_columns]
        reasons: dict[int, list[str]] = defaultdict(list)
        shaped = f"(select {', '.join(['call_number', *keys, 'j'])} from {flagged})"
        for number, *place, faults in self._db.execute(_READINGS[table.name].faults(shaped)).fetchall():
            where = _place(table, dict(zip(keys, place, strict=True)))
            reasons[number] += [_reason(where, fault) for fault in faults]
        return reasons

    def _unknown_keys(self, table: Table) -> dict[tuple[str, str], int]:
        reading = _READINGS[table.name]
        if reading.whole_element:
            return {}
        return {
            (table.name, f"{name}.{key}" if name else key): count
            for name, key, count in self._db.execute(reading.keys(_rows(table.name))).fetchall()
            if key not in reading.objects[name]
        }

    def _collect(self, table: Table, unknown: dict[tuple[str, str], int]) -> pa.Table:
        """The table's good rows, its tombstones and its `_extra`, as Arrow."""
        keys = [column.name for column in table.key_columns] or ["id"]
        self._db.register(
            "extra", self._extra(table, keys, [path for name, path in unknown if name == table.name])
        )
        listed = ", ".join(f"rows.{quoted(column.name)}" for column in (*table.key_columns, *table.columns))
        joined = " and ".join(f"rows.{quoted(key)} = extra.{quoted(key)}" for key in keys)
        statement = (
            f"select {listed}, extra.{EXTRA.name}, null::boolean as {DELETED} from {_rows(table.name)} as rows"
            f" left join extra on {joined} where call_number not in (select number from rejected)"
        )
        if table.parent:
            zeroes = ", ".join(f"0 as {key}" for key in keys[1:])
            statement += (
                f" union all by name select id as call_id, {zeroes}, true as {DELETED} from {_rows('calls')}"
                " where call_number not in (select number from rejected)"
                f" and call_number not in (select call_number from {_rows(table.name)})"
            )
        return self._db.execute(statement).to_arrow_table().cast(arrow_schema(table))

    def _extra(self, table: Table, keys: list[str], paths: list[str]) -> pa.Table:
        """What undeclared keys hold, by row. Rare, so read in Python: exactly, nulls included."""
        schema = pa.schema([*((key, pa.int64()) for key in keys), (EXTRA.name, pa.string())])
        if not paths:
            return schema.empty_table()
        extras = []
        found = f"select {', '.join(keys)}, j from {_rows(table.name)} where call_number not in (select number from rejected)"
        for *key, text in self._db.execute(found).fetchall():
            element = msgspec.json.decode(text)
            if kept := {path: value for path in paths for value in _values(element, path)}:
                extras.append((*key, msgspec.json.encode(kept).decode()))
        return (
            pa.table(
                [
                    pa.array(column, type_)
                    for column, type_ in zip(zip(*extras, strict=True), schema.types, strict=True)
                ],
                schema=schema,
            )
            if extras
            else schema.empty_table()
        )


def _elements(table: Table) -> str:
    """SQL for the elements of a table's arrays: the parents' keys, `idx`, and the element as `j`."""
    parent = TABLES[table.parent]
    above = f"call_id, idx as {parent.singular}_idx" if parent.parent else "id as call_id"
    array = quoted("array " + table.array)
    return (
        f"select call_number, {above}, unnest(range(len(elements))) as idx, unnest(elements) as j"
        f""" from (select *, from_json({array}, '["JSON"]') as elements from {_rows(parent.name)}"""
        f" where left({array}, 1) = '[')"
    )


def arrow_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a table as it is landed."""
    columns = (*table.key_columns, *table.columns, EXTRA)
    return pa.schema([*((c.name, ARROW_TYPES[c.type]) for c in columns), (DELETED, pa.bool_())])


def _values(element: dict[str, Any], path: str) -> list[Any]:
    """The value at a path of one or two keys: a list of one, or of none."""
    if path in element:
        return [element[path]]
    name, _, key = path.partition(".")
    inner = element.get(name)
    return [inner[key]] if key and isinstance(inner, dict) and key in inner else []


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


def _rows(name: str) -> str:
    return quoted(f"rows {name}")
