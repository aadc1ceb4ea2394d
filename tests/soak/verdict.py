"""Compare every row of every table with the platform's truth.

There are four kinds of differences: *lost* (missing in the warehouse), *stale* (an earlier version), *duplicated* (there
twice), *unexplained* (anything else). Calls that vanished may stay, in any version that was once returned.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from pipelines.ccaip.tables import EXTRA, TABLES, Table
from tests.extraction.oracle import elements, expected_extra, expected_row
from tests.soak.served import Served
from tests.soak.world import is_unreadable

_SHOWN = 12

Json = dict[str, Any]
Rows = dict[tuple[Any, ...], str]
"""The rows of one call in one table: key → all columns, as text that distinguishes 1 from true."""


@dataclass
class Verdict:
    """Differences by kind, with the first few described."""

    lost: int = 0
    stale: int = 0
    duplicated: int = 0
    unexplained: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_fine(self) -> bool:
        return not (self.lost or self.stale or self.duplicated or self.unexplained)

    def add(self, kind: str, what: str) -> None:
        """One more difference of a kind."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.examples) < _SHOWN:
            self.examples.append(f"{kind}: {what}")


def judge(connection: Connection, truth: Mapping[int, Json], served: Served, verdict: Verdict) -> None:
    """Compare every table with `truth`, the platform's final calls."""
    read = {call_id: call for call_id, call in truth.items() if not is_unreadable(call)}
    for table in TABLES.values():
        found = _found(connection, table, verdict)
        for call_id, call in read.items():
            _compare(table, call_id, _expected(table, call), found.pop(call_id, {}), verdict)
        for call_id, rows in found.items():
            if not any(rows == _expected(table, call) for call in served.versions_of(call_id)):
                verdict.add("unexplained", f"{table.name}: call {call_id} was never so: {rows}")
    _judge_rejected(connection, truth, verdict)


def judge_vanished(connection: Connection, vanished: Collection[int], verdict: Verdict) -> None:
    """After `callmart reconcile`, exactly the vanished calls of the warehouse are marked."""
    kept = set(connection.execute(text("select id from ccaip.calls")).scalars())
    marked = connection.execute(text("select call_id from ccaip.vanished_calls")).scalars().all()
    for call_id, count in Counter(marked).items():
        if count > 1:
            verdict.add("duplicated", f"vanished_calls: {call_id} stands there {count} times")
    for call_id in kept & set(vanished) - set(marked):
        verdict.add("unexplained", f"vanished_calls: {call_id} has vanished and is not marked")
    for call_id in set(marked) - set(vanished):
        verdict.add("unexplained", f"vanished_calls: {call_id} is marked and has not vanished")


def _compare(table: Table, call_id: int, expected: Rows, found: Rows, verdict: Verdict) -> None:
    for key in expected.keys() - found.keys():
        verdict.add("lost", f"{table.name}: call {call_id} has no row {key}")
    for key in found.keys() - expected.keys():
        verdict.add("stale", f"{table.name}: call {call_id} still has row {key}: {found[key]}")
    for key in expected.keys() & found.keys():
        if expected[key] != found[key]:
            verdict.add(
                "stale", f"{table.name}: call {call_id} {key}: {_difference(expected[key], found[key])}"
            )


def _judge_rejected(connection: Connection, truth: Mapping[int, Json], verdict: Verdict) -> None:
    """Exactly the unreadable calls are kept, each once and unchanged."""
    kept = connection.execute(text("select call_key, body from ccaip.rejected_calls")).all()
    bodies = {key: json.loads(body) for key, body in kept}
    for key, count in Counter(key for key, _ in kept).items():
        if count > 1:
            verdict.add("duplicated", f"rejected_calls: {key} stands there {count} times")
    unreadable = {str(call_id): call for call_id, call in truth.items() if is_unreadable(call)}
    for key, call in unreadable.items():
        if key not in bodies:
            verdict.add("lost", f"rejected_calls: {key} is not there")
        elif bodies[key] != call:
            verdict.add("stale", f"rejected_calls: {key} is another version")
    for key in bodies.keys() - unreadable.keys():
        if int(key) in truth:
            verdict.add("unexplained", f"rejected_calls: {key} can be read now, and is still there")


def _found(connection: Connection, table: Table, verdict: Verdict) -> dict[int, Rows]:
    """The table's rows by call, with JSON parsed by the driver."""
    found = connection.execute(text(f"select * from ccaip.{table.name}")).mappings()
    rows: dict[int, Rows] = defaultdict(dict)
    for values in found:
        row = {name: value for name, value in values.items() if not name.startswith("_dlt_")}
        key = tuple(row[name] for name in table.key)
        if key in rows[key[0]]:
            verdict.add("duplicated", f"{table.name}: {key}")
        rows[key[0]][key] = _text(row)
    return rows


def _expected(table: Table, call: Json) -> Rows:
    rows: Rows = {}
    for keys, element in elements(table, call):
        row = expected_row(table, element, keys) | {EXTRA.name: expected_extra(table, element)}
        rows[tuple(row[name] for name in table.key)] = _text(row)
    return rows


def _text(row: Json) -> str:
    return json.dumps(row, sort_keys=True, ensure_ascii=False, default=datetime.isoformat)


def _difference(expected: str, found: str) -> str:
    """The columns that differ, with both values."""
    there, here = json.loads(expected), json.loads(found)
    columns = sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name))
    return ", ".join(f"{name} is {here.get(name)!r} and not {there.get(name)!r}" for name in columns)
