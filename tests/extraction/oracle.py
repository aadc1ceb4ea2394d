"""The expected rows of a call, read from its JSON value by value in Python.

Shares only the declared tables with the parser under test.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pipelines.ccaip.tables import CHILDREN, EXTRA, TABLES, Column, Table


def typed(column: Column, value: Any) -> Any:
    """The expected value of a column for a JSON value."""
    if value is None:
        return None
    match column.type:
        case "text":
            return value if isinstance(value, str) else json.dumps(value)
        case "json":
            return value
        case "bool":
            return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]
        case "bigint":
            return int(value)
        case "double":
            return float(value)
        case "timestamp":
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def at(element: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        element = element.get(key) if isinstance(element, dict) else None
    return element


def expected_row(table: Table, element: Any, keys: dict[str, int]) -> dict[str, Any]:
    row: dict[str, Any] = dict(keys)
    for column in table.columns:
        values = [at(element, path) for path in (column.path, *column.aliases)]
        row[column.name] = typed(column, next((value for value in values if value is not None), None))
    return row


def elements(table: Table, call: dict[str, Any]) -> list[tuple[dict[str, int], Any]]:
    """The elements of the call that become rows of the table, each with its row's key."""
    if not table.parent:
        return [({}, call)]
    keys = {"call_id": int(call["id"])}
    if table.parent == "calls":
        return [(keys | {"idx": i}, element) for i, element in enumerate(call.get(table.array) or [])]
    parent = TABLES[table.parent]
    return [
        (keys | {f"{parent.singular}_idx": number, "idx": i}, element)
        for number, above in enumerate(call.get(parent.array) or [])
        for i, element in enumerate(above.get(table.array) or [])
    ]


def expected_rows(table: Table, call: dict[str, Any]) -> list[dict[str, Any]]:
    call = without_nul(call)
    return [expected_row(table, element, keys) for keys, element in elements(table, call)]


def without_nul(value: Any) -> Any:
    """The value with U+FFFD instead of U+0000, which Postgres cannot store."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [without_nul(each) for each in value]
    if isinstance(value, dict):
        return {without_nul(key): without_nul(each) for key, each in value.items()}
    return value


def expected_extra(table: Table, element: Any) -> dict[str, Any] | None:
    """The expected `_extra` of an element: its undeclared keys by dotted path, or None."""
    paths = {path for column in table.columns for path in (column.path, *column.aliases)}
    if () in paths:
        return None
    declared = paths | {(child.array,) for child in CHILDREN if child.parent == table.name}
    inside = {path[0] for path in declared if len(path) > 1}
    extra: dict[str, Any] = {}
    for key, value in element.items():
        if key in inside and isinstance(value, dict):
            extra |= {f"{key}.{k}": v for k, v in value.items() if (key, k) not in declared}
        elif key not in inside and (key,) not in declared:
            extra[key] = value
    return extra or None


def landed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """A loaded row in the oracle's form: with parsed JSON and without callmart's own columns."""
    parsed = {c.name for c in table.columns if c.type == "json"}
    return {
        name: json.loads(value) if name in parsed and value is not None else value
        for name, value in row.items()
        if name != EXTRA.name
    }
