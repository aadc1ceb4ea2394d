"""Drift: what the API sends that is not declared. It is counted, recorded and reported once.

    exploded batch → notice → Counter[Drift] → rows → ccaip.drift, landed with the calls

Three kinds. A **new key** is stored in `_extra`, as far as the privacy policy keeps it. A **new value** is not among the
known words of its column. A **new type** is a JSON value of another type than its column's, which is either rejected
(and counted from the reasons) or converted because its meaning is clear ("5" → 5).

Not drift: 0 and 1 for a flag, which the vendor's documents mix with false and true, and any scalar in a text column,
which is text because the documents disagree on its type.

Drift contains no personal data: values are only shown for enumerations, if they are stored unchanged and look like
words; names of keys only if they look like names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.cast import NOTHING
from pipelines.ccaip.enumerations import known_words
from pipelines.ccaip.parse import ARROW_TYPES, Exploded
from pipelines.ccaip.parse_sql import EXPECTED
from pipelines.ccaip.privacy.policy import WITHHELD, Action, Policy, json_type, shown_name
from pipelines.ccaip.tables import DRIFT, TABLES, Table
from pipelines.errors import QualityError

Kind = Literal["new_key", "new_value", "new_type"]

OTHERS = "(others)"
"""Stands for all values of a field beyond the first `VALUES_KEPT`."""

VALUES_KEPT = 20

_FAULT = re.compile(r"(?:(?P<place>\w+\[\d+\](?:\.\w+\[\d+\])?)[. ])?(?P<what>.+)")
_STEP = re.compile(r"(\w+)\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Drift:
    """One kind of drift.

    `field` is the key in the API's JSON, dotted below the element of `table`; empty for the element
    itself. `value` is the new value or the type that was sent; empty for a new key.
    """

    kind: Kind
    table: str
    field: str
    value: str = ""

    @property
    def name(self) -> str:
        """`calls.status`: what a contract's patterns are compared with."""
        return f"{self.table}.{self.field}"

    def __str__(self) -> str:
        match self.kind:
            case "new_key":
                return f"new key {self.name}"
            case "new_value":
                return f"new value of {self.name}: {self.value}"
            case "new_type":
                return f"new type of {self.name.removesuffix('.')}: {self.value}"


def notice(exploded: Exploded, bodies: Sequence[bytes], policy: Policy) -> Counter[Drift]:
    """The drift in a batch, with counts. `bodies` are the parsed calls in their order, before `policy` is applied.

    Values of columns that the policy changes are not shown.
    """
    seen: Counter[Drift] = Counter()
    for (table, key), count in exploded.unknown_keys.items():
        seen[Drift("new_key", table, shown_name(key))] += count
    for drift, count in _new_words(exploded.tables, policy):
        seen[drift] += count
    for each in exploded.rejected:
        seen.update(_wrong_types(each.reason, bodies[each.number]))
    for (table, column, came), count in exploded.coerced.items():
        read = f"{came}, read as {'NULL' if came in NOTHING else EXPECTED[column.type]}"
        seen[Drift("new_type", table, ".".join(column.path), read)] += count
    if exploded.repeated_keys:
        seen[Drift("new_type", "calls", "", "object with a key twice, the last one read")] += (
            exploded.repeated_keys
        )
    if exploded.nul_characters:
        seen[Drift("new_type", "calls", "", "text with U+0000, read as U+FFFD")] += exploded.nul_characters
    return capped(seen)


def rows(drifts: Counter[Drift], run_id: str, now: datetime) -> pa.Table:
    """The rows of the table `drift` for what a run has seen so far; `now` is UTC.

    Within a run, rows with a higher count replace earlier ones.
    """
    return pa.Table.from_pylist(
        [
            {
                "run_id": run_id,
                "kind": drift.kind,
                "table_name": drift.table,
                "field": drift.field,
                "value": drift.value,
                "occurrences": count,
                "noticed_at": now,
            }
            for drift, count in capped(drifts).items()
        ],
        pa.schema([(column.name, ARROW_TYPES[column.type]) for column in DRIFT.columns]),
    )


def capped(drifts: Counter[Drift]) -> Counter[Drift]:
    """The same with at most `VALUES_KEPT` values per field, the first ones seen; the rest are `OTHERS`.

    First seen rather than most frequent, so that recorded values stay as counts grow.
    """
    kept: Counter[Drift] = Counter()
    values: Counter[str] = Counter()
    for drift, count in drifts.items():
        if drift.kind == "new_value" and drift.value != OTHERS:
            values[drift.name] += 1
            if values[drift.name] > VALUES_KEPT:
                kept[Drift(drift.kind, drift.table, drift.field, OTHERS)] += count
                continue
        kept[drift] += count
    return kept


def fatal(drifts: Iterable[Drift], patterns: Iterable[str]) -> list[Drift]:
    """Those that match a pattern of `table.field`, with `*` for any part (`calls.status`, `transfers.*`)."""
    patterns = list(patterns)
    return [drift for drift in drifts if any(fnmatchcase(drift.name, pattern) for pattern in patterns)]


def enforce(drifts: Iterable[Drift], patterns: Iterable[str]) -> None:
    """Raise `QualityError` if a drift matches `patterns`. Such calls must not be loaded."""
    if broken := fatal(drifts, patterns):
        names = "; ".join(str(drift) for drift in broken[:VALUES_KEPT])
        raise QualityError(
            f"The API broke the contract of [sources.ccaip] fatal_drift: {names}. "
            "The calls with it were not loaded.",
            "If it is correct, declare it (a value: in its list in dbt_project/seeds, in a copy of that file in the project "
            "folder's seeds, or with its column in pipelines/ccaip/tables.py; a key or a type: there too) or remove the "
            "field from fatal_drift. Then load again: it continues from where this load stopped.",
        )


# --- words ----------------------------------------------------------------------------------------


def _new_words(tables: dict[str, pa.Table], policy: Policy) -> Iterator[tuple[Drift, int]]:
    for table, columns in known_words().items():
        for column, known in columns.items():
            is_told = policy.action(table, column) is Action.KEEP
            for found in pc.value_counts(tables[table][column]):
                word, count = found["values"].as_py(), found["counts"].as_py()
                if word is not None and str(word) not in known:
                    yield (
                        Drift(
                            "new_value",
                            table,
                            _key(table, column),
                            shown_name(str(word)) if is_told else WITHHELD,
                        ),
                        count,
                    )


@cache
def _key(table: str, column: str) -> str:
    """The column's key in the API's JSON, dotted."""
    return next(".".join(each.path) for each in TABLES[table].columns if each.name == column)


# --- types ----------------------------------------------------------------------------------------


def _wrong_types(reason: str, body: bytes) -> Iterator[Drift]:
    """The drift behind a rejected call: the reason says what was expected, the body what was sent."""
    call = _decoded(body)
    for fault in reason.split("; "):
        place, what = _FAULT.fullmatch(fault).group("place", "what")  # type: ignore[union-attr]  # any text matches
        steps = [(array, int(idx)) for array, idx in _STEP.findall(place or "")]
        table = TABLES[steps[-1][0] if steps else "calls"]
        field, _, expected = what.partition(": expected ")
        element = _element(call, steps)
        if expected:
            came = json_type(_leaf(element, _paths(table, field)))
            yield Drift("new_type", table.name, field, f"{came}, expected {expected}")
        elif what == "is no object":
            yield Drift("new_type", table.name, "", f"{json_type(element)}, expected an object")
        elif what.endswith(": missing"):
            yield Drift("new_type", table.name, what.removesuffix(": missing"), "missing")


def _element(call: Any, steps: list[tuple[str, int]]) -> Any:
    """The array element that a reason refers to. None if Python sees another value than the reader did (of a key that
    occurs twice, each may take another one).
    """
    for array, idx in steps:
        elements = call.get(array) if isinstance(call, dict) else None
        call = elements[idx] if isinstance(elements, list) and idx < len(elements) else None
    return call


def _paths(table: Table, field: str) -> tuple[tuple[str, ...], ...]:
    """The possible paths of a reason's field: a column's paths, or the key of an object or array."""
    for column in table.columns:
        if ".".join(column.path) == field:
            return (column.path, *column.aliases)
    return ((field,),)


def _leaf(element: Any, paths: Iterable[tuple[str, ...]]) -> Any:
    """The first value found."""
    for path in paths:
        value = element
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


def _decoded(body: bytes) -> Any:
    """The body as Python values; None if it has a number that Python cannot represent."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
