"""How a table's rows are read out of JSON: the SQL, derived from the table's declaration.

DuckDB's JSON reader hands every leaf over as text (a JSON string without its quotes, anything else
as written). A value whose meaning is plain is coerced (0 → false, "5" → 5); a value whose meaning
is not is a fault: 2.5 is no 2, and nothing is ever rounded or cut.

`Reading(table)` offers three statements. Each reads a relation with `call_number`, the table's key
columns and `j`, the element's JSON. `rows` types the columns, and flags the rows that want a closer
look: those with a fault, which `faults` then names, and those with undeclared keys, which `keys` counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

from pipelines.ccaip.tables import CHILDREN, Column, ColumnType, Table

EXPECTED: dict[ColumnType, str] = {
    "text": "a text",
    "bigint": "a whole number",
    "double": "a number",
    "bool": "true or false",
    "timestamp": "an instant (ISO 8601)",
    "json": "JSON",
}
"""What a rejected call's reason says should have stood there."""


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _value(type_: ColumnType, text: str) -> str:
    match type_:
        case "bigint":
            return f"try_cast({text} as bigint)"
        case "double":
            return f"try_cast({text} as double)"
        case "bool":
            return (
                f"case when lower({text}) in ('true', '1') then true"
                f" when lower({text}) in ('false', '0') then false end"
            )
        case "timestamp":
            return f"try_cast({text} as timestamptz)"
        case "text" | "json":
            return text


def _fault(type_: ColumnType, text: str) -> str:
    """True where the leaf has a value its column cannot hold."""
    match type_:
        case "bigint":
            # DuckDB rounds "2.5" to 3 and reads "0x10" as 16: comparing with the double finds both
            differs = f"try_cast({text} as bigint) <> try_cast({text} as double)"
            return f"({text} is not null and coalesce({differs}, true))"
        case "double":
            return f"({text} is not null and coalesce(not isfinite(try_cast({text} as double)), true))"
        case "bool":
            return f"({text} is not null and lower({text}) not in ('true', 'false', '1', '0'))"
        case "timestamp":
            # 'infinity' and 'epoch' are instants to DuckDB, and no date of any call
            instant = f"try_cast({text} as timestamptz)"
            return f"({text} is not null and ({instant} is null or {text}[5] <> '-'))"
        case "text":
            # an object or array is no text; a caller may have typed a brace, so `faults` looks again
            return f"coalesce(left({text}, 1) in ('{{', '['), false)"
        case "json":
            return "false"


@dataclass(frozen=True)
class Reading:
    """The SQL that reads one declared table."""

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
    def objects(self) -> dict[str, tuple[str, ...]]:
        """The nested objects and their declared keys; the element itself under the empty name."""
        declared: dict[str, set[str]] = {"": {child.array for child in self.arrays}}
        for path in self._paths():
            if len(path) > 1:
                declared.setdefault(path[0], set()).add(path[1])
            declared[""].add(path[0])
        return {name: tuple(sorted(keys)) for name, keys in declared.items()}

    def _paths(self) -> list[tuple[str, ...]]:
        paths = [path for column in self.table.columns for path in (column.path, *column.aliases) if path]
        deep = [path for path in paths if len(path) > 2]
        if deep:
            raise ValueError(f"{self.table.name}: objects nest one level deep at most, {deep[0]} is deeper")
        return paths

    def _structure(self, name: str) -> str:
        """The shape DuckDB's reader is asked for: leaves as text, what is nested as JSON."""
        as_json = {child.array for child in self.arrays} | set(self.objects) if name == "" else set()
        as_json |= {
            c.path[-1]
            for c in self.table.columns
            if c.type == "json" and c.path[:-1] == ((name,) if name else ())
        }
        return json.dumps({key: "JSON" if key in as_json else "VARCHAR" for key in self.objects[name]})

    def _text(self, column: Column) -> str:
        """SQL for a leaf's text: the first of its paths that has one."""
        if not column.path:
            return "j"
        texts = [
            f"o.{quoted(path[0])}" if len(path) == 1 else f"{quoted('o ' + path[0])}.{quoted(path[1])}"
            for path in (column.path, *column.aliases)
        ]
        return texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"

    def _opened(self, source: str) -> str:
        """The source with its JSON opened: `o` the object, `o name` the objects inside."""
        if self.whole_element:
            return f"with opened as (select * from {source})"
        inner = [
            f"case when left(o.{quoted(name)}, 1) = '{{' then from_json(o.{quoted(name)},"
            f" {literal(self._structure(name))}) end as {quoted('o ' + name)}"
            for name in self.objects
            if name
        ]
        return (
            # an element that is no object would fail the whole statement; it is a fault of its own
            "with outer_object as (select *, case when left(j, 1) = '{' then"
            f" from_json(j, {literal(self._structure(''))}) end as o from {source}),"
            f" opened as (select {', '.join(['*', *inner])} from outer_object)"
        )

    @cached_property
    def _faults(self) -> dict[str, tuple[str, str]]:
        """For each possible fault, what to call it: SQL that finds it, SQL that confirms it."""
        if self.whole_element:
            return {}
        faults = {"is no object": ("coalesce(left(j, 1) <> '{', true)", "true")}
        for name in self.objects:
            if name:
                text = f"o.{quoted(name)}"
                faults[f"{name}: expected an object"] = (f"coalesce(left({text}, 1) <> '{{', false)", "true")
        for child in self.arrays:
            text = f"o.{quoted(child.array)}"
            faults[f"{child.array}: expected an array"] = (f"coalesce(left({text}, 1) <> '[', false)", "true")
        for column in self.table.columns:
            pointers = [
                "$." + ".".join(quoted(key) for key in path) for path in (column.path, *column.aliases)
            ]
            kinds = ", ".join(f"json_type(j, {literal(pointer)})" for pointer in pointers)
            faults[f"{'.'.join(column.path)}: expected {EXPECTED[column.type]}"] = (
                _fault(column.type, self._text(column)),
                f"coalesce({kinds}, 'NULL') <> 'VARCHAR'" if column.type == "text" else "true",
            )
        if self.table.name == "calls":
            faults["id: missing"] = ("o.id is null", "true")
            faults["updated_at: missing"] = ("o.updated_at is null", "true")
        return faults

    @cached_property
    def _unfamiliar(self) -> str:
        """True where an object has a key nobody declared."""
        if self.whole_element:
            return "false"
        tests = []
        for name, keys in self.objects.items():
            known = ", ".join(literal(key) for key in keys)
            tests.append(
                f"coalesce(not list_has_all([{known}], json_keys({f'o.{quoted(name)}' if name else 'j'})), false)"
            )
        return " or ".join(tests)

    def rows(self, source: str) -> str:
        """Call number, key columns, typed columns, the arrays below as `array <name>`, and two flags."""
        selected = ["call_number", *(quoted(column.name) for column in self.table.key_columns)]
        selected += [
            f"{_value(column.type, self._text(column))} as {quoted(column.name)}"
            for column in self.table.columns
        ]
        selected += [f"o.{quoted(child.array)} as {quoted('array ' + child.array)}" for child in self.arrays]
        faulty = " or ".join(found for found, _ in self._faults.values()) or "false"
        return (
            f"{self._opened(source)} select {', '.join(selected)}, ({faulty}) as faulty,"
            f" ({self._unfamiliar}) as unfamiliar from opened"
        )

    def faults(self, source: str) -> str:
        """The names of the faults of each row that has any: call number, key columns, list of names."""
        cases = ", ".join(
            f"case when {found} and {confirmed} then {literal(name)} end"
            for name, (found, confirmed) in self._faults.items()
        )
        place = ", ".join(["call_number", *(quoted(column.name) for column in self.table.key_columns)])
        return (
            f"{self._opened(source)} select {place}, list_filter([{cases}], lambda x: x is not null) as faults"
            " from opened where len(faults) > 0 order by all"
        )

    def keys(self, source: str) -> str:
        """How often each key stands in each object: object name, key, count."""
        names = ", ".join(literal(name) for name in self.objects)
        pointers = ", ".join(literal("$." + quoted(name) if name else "$") for name in self.objects)
        return (
            f"with objects as (select unnest([{names}]) as name, unnest(json_keys(j, [{pointers}])) as keys"
            f" from {source}), found as (select name, unnest(keys) as key from objects)"
            " select name, key, count(*) from found group by all"
        )
