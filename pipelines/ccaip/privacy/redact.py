"""What may be stored of a call that could not be parsed.

The policy is applied to the JSON: a declared value is treated like its column, if it has the column's type. Anything
else (an undeclared key, a text instead of a number, an object instead of an array) is treated like undeclared keys. If
the body is not valid JSON, nothing is stored. Names of keys stay, because they show where the fault is.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from pipelines.ccaip.parse_sql import SHAPES
from pipelines.ccaip.privacy.policy import Action, Policy, PrivacyFilter, decoded, encoded, shown_name
from pipelines.ccaip.tables import EXTRA, REJECTED_CALLS, TABLES, Column, Table

BODY = f"{REJECTED_CALLS.name}.body"
"""The column can have its own action: `keep` stores all bodies unchanged, `drop` none."""

_PLAIN: dict[str, re.Pattern[str]] = {
    "bigint": re.compile(r"-?\d{1,19}(\.0+)?"),
    "double": re.compile(r"-?\d{1,30}(\.\d{1,30})?"),
    "bool": re.compile(r"true|false|0|1", re.IGNORECASE),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]{0,20})? ?(Z|[+-]\d\d:?\d\d)?"),
}
"""The pattern of a value, as text, that has its column's type."""


def kept_body(body: bytes, privacy: PrivacyFilter) -> tuple[str | None, bool]:
    """The stored part of a call's JSON, or None, and whether it is the whole body."""
    if _keeps_bodies(privacy.policy):
        return body.decode("utf-8", "replace"), True
    if privacy.policy.columns.get(BODY) is Action.DROP:
        return None, False
    try:
        call = decoded(body)
        kept = _element(TABLES["calls"], call, privacy)
        return (body.decode(), True) if kept == call else (encoded(kept), False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, False


def _keeps_bodies(policy: Policy) -> bool:
    return policy.columns.get(BODY) is Action.KEEP or (policy.keeps_all and BODY not in policy.columns)


def _element(table: Table, element: Any, privacy: PrivacyFilter) -> Any:
    """An element of an array, or the call itself, after the policy of its table's columns."""
    places = _columns(table.name)
    if () in places:
        return _leaf(table, places[()], element, privacy)
    if not isinstance(element, dict):
        return _undeclared(table, element, privacy)
    shape = SHAPES[table.name]
    arrays = {child.array: child for child in shape.arrays}
    kept: dict[str, Any] = {}
    for key, value in element.items():
        if key in arrays and isinstance(value, list):
            kept[key] = [_element(arrays[key], each, privacy) for each in value]
        elif (key,) in places:
            kept[key] = _leaf(table, places[key,], value, privacy)
        elif key in shape.objects and isinstance(value, dict):
            kept[key] = {
                shown_name(inner): _leaf(table, places[key, inner], each, privacy)
                if (key, inner) in places
                else _undeclared(table, each, privacy)
                for inner, each in value.items()
            }
        else:
            kept[shown_name(key)] = _undeclared(table, value, privacy)
    return kept


@cache
def _columns(table: str) -> dict[tuple[str, ...], Column]:
    """The columns of a table by their possible paths in an element."""
    return {path: column for column in TABLES[table].columns for path in (column.path, *column.aliases)}


def _leaf(table: Table, column: Column, value: Any, privacy: PrivacyFilter) -> Any:
    action = privacy.policy.action(table.name, column.name)
    if action is Action.KEEP and not _fits(column, value):
        return _undeclared(table, value, privacy)
    return privacy.value(value, action)


def _undeclared(table: Table, value: Any, privacy: PrivacyFilter) -> Any:
    return privacy.value(value, privacy.policy.action(table.name, EXTRA.name))


def _fits(column: Column, value: Any) -> bool:
    """Whether a value has its column's type, so that the column's privacy class applies to it."""
    if value is None or column.type == "json":
        return True
    if not isinstance(value, (str, int, float, Decimal)):
        return False
    return column.type == "text" or _PLAIN[column.type].fullmatch(str(value)) is not None
