"""Inspect a single call in Python: values of the wrong shape, and undeclared keys with their values.

This is exact but slow, so only calls that the JSON reader cannot judge are inspected.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from pipelines.ccaip.parse_sql import NO_OBJECT, SHAPES, Shape, no_array, no_object, unexpected
from pipelines.ccaip.tables import TABLES, Table
from pipelines.ccaip.unnest import Leaf, Place

_exact = msgspec.json.Decoder(float_hook=Decimal)
"""Keeps numbers unchanged: 1e999 is valid JSON, but not a float."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The position of an object in a call: the element at `path`, or the object `name` in that element."""

    table: str
    place: Place
    name: str
    path: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found: faults by table and place, and undeclared keys with their values."""

    faults: list[tuple[str, Place, str]] = field(default_factory=list)
    undeclared: dict[tuple[str, Place], dict[str, Any]] = field(default_factory=dict)


def inspect(body: bytes, leaves: Iterable[Leaf]) -> Inspection:
    """Inspect every object and array in the JSON of one call, and whether its `leaves` are texts."""
    call = _exact.decode(body)
    seen = Inspection()
    _inspect(SHAPES["calls"], call, (), seen)
    seen.faults.extend(
        (leaf.table, leaf.place, unexpected(leaf.column)) for leaf in leaves if not _is_text(call, leaf)
    )
    return seen


def inspect_at(body: bytes, spots: Iterable[Spot]) -> Inspection:
    """Find undeclared keys in the objects at `spots` only."""
    call = _exact.decode(body)
    seen = Inspection()
    for spot in spots:
        if undeclared := _undeclared(spot.table, spot.name, _at(call, spot.path)):
            seen.undeclared.setdefault((spot.table, spot.place), {}).update(undeclared)
    return seen


def _inspect(shape: Shape, element: Any, place: Place, seen: Inspection) -> None:
    if shape.whole_element:
        return
    name = shape.table.name
    if not isinstance(element, dict):
        seen.faults.append((name, place, NO_OBJECT))
        return
    undeclared: dict[str, Any] = {}
    for key in shape.objects:
        inner = element.get(key) if key else element
        if isinstance(inner, dict):
            undeclared |= _undeclared(name, key, inner)
        elif inner is not None:
            seen.faults.append((name, place, no_object(key)))
    if undeclared:
        seen.undeclared[name, place] = undeclared
    for child in shape.arrays:
        array = element.get(child.array)
        if isinstance(array, list):
            for index, each in enumerate(array):
                _inspect(SHAPES[child.name], each, (*place, index), seen)
        elif array is not None:
            seen.faults.append((name, place, no_array(child.array)))


def _undeclared(table: str, name: str, inner: Any) -> dict[str, Any]:
    """The values of an object's undeclared keys, by dotted name."""
    declared = SHAPES[table].objects[name]
    if not isinstance(inner, dict) or inner.keys() <= declared:
        return {}
    return {f"{name}.{key}" if name else key: inner[key] for key in inner if key not in declared}


def arrays_above(table: Table) -> tuple[str, ...]:
    """The keys of the arrays that an element of a table is in, outermost first."""
    return (*arrays_above(TABLES[table.parent]), table.array) if table.parent else ()


def _is_text(call: Any, leaf: Leaf) -> bool:
    path: list[str | int] = []
    for array, index in zip(arrays_above(TABLES[leaf.table]), leaf.place, strict=True):
        path += [array, index]
    values = (_at(call, (*path, *keys)) for keys in (leaf.column.path, *leaf.column.aliases))
    return isinstance(next((value for value in values if value is not None), None), str)


def _at(value: Any, path: Iterable[str | int]) -> Any:
    """The value at a path; None if there is none."""
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value
