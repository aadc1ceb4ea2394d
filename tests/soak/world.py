"""A seed → a small contact centre: calls with every declared array, which change over a day and a half."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from pipelines.ccaip.tables import CHILDREN, TABLES, Column, Table
from tests.extraction.living import START, LivingCalls, a_call

SPAN = timedelta(hours=12)
"""How long after START calls begin; each changes a few times in the following hours."""

UNREADABLE = 2.5
"""A rating that is not a whole number, which makes a call unreadable."""

_ARRAYS = [table for table in CHILDREN if table.parent == "calls"]
_WORDS = ("plain", "Ünï “quoted”", "two\nlines, 'and' \"more\"", "{curly}", "[1]", "5", "nothing", "")
_SHORT, _LONG = (1, 60), (60, 18 * 3600)  # seconds from one change of a call to its next


def make_world(seed: int, looked_at: Sequence[datetime] = ()) -> LivingCalls:
    """100 to 400 calls, many of them sharing a second. Their arrays grow, shrink and empty; a few are unreadable.

    Many changes happen around the moments `looked_at` (UTC), where they are lost most easily.
    """
    return _Maker(Random(f"world {seed}"), looked_at).make()


def is_unreadable(call: dict[str, Any]) -> bool:
    """Whether callmart has to keep this version of a call in `rejected_calls`."""
    return call.get("rating") == UNREADABLE


def last_change(calls: LivingCalls) -> datetime:
    """The time of the last change of any call (UTC)."""
    return max(moment for versions in calls.history.values() for moment, _ in versions)


class _Maker:
    """Makes one world's calls."""

    def __init__(self, rng: Random, looked_at: Sequence[datetime]) -> None:
        self._rng = rng
        self._looked_at = looked_at
        # each table in use costs every load some time
        self._arrays = rng.sample(_ARRAYS, rng.choice((3, 6, 10, len(_ARRAYS))))

    def make(self) -> LivingCalls:
        rng = self._rng
        calls = LivingCalls()
        shared = [self._moment() for _ in range(rng.randint(1, 8))]
        crowd = rng.choice((0, 0, 0, 120, 260))  # number in one second: more than one or two pages
        for call_id in range(1, rng.choice((100, 120, 150, 200, 300, 400)) + 1):
            is_shared = call_id <= crowd or rng.random() < 0.2
            moment = shared[0] if call_id <= crowd else rng.choice(shared) if is_shared else self._moment()
            self._live(calls, call_id, moment)
        return calls

    def _moment(self) -> datetime:
        if self._looked_at and self._rng.random() < 0.6:
            return self._rng.choice(self._looked_at) + timedelta(seconds=self._rng.randint(-40, 5))
        return _any_moment(self._rng)

    def _live(self, calls: LivingCalls, call_id: int, moment: datetime) -> None:
        """Add the versions of a call: the first, and up to three more."""
        rng = self._rng
        milliseconds = rng.random() < 0.1
        call = self._new(call_id, moment)
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
            if milliseconds:
                moment = moment.replace(microsecond=rng.randrange(1000) * 1000)
            calls.put(moment, call | {"updated_at": _stamp(moment)} | _misfortune(rng))
            shortest, longest = rng.choice((_SHORT, _LONG))
            again = self._moment()
            moment = again if again > moment else moment + timedelta(seconds=rng.randint(shortest, longest))
            call = self._changed(call)

    def _new(self, call_id: int, moment: datetime) -> dict[str, Any]:
        rng = self._rng
        call = _filled(rng, TABLES["calls"], 6) | a_call(call_id)
        call["created_at"] = _stamp(moment - timedelta(seconds=rng.randint(0, 600)))
        call["queued_at"] = call["created_at"] if rng.random() < 0.85 else None
        call["rating"] = rng.choice((None, 1, 2, 3, 4, 5))
        return call | {table.array: _array(rng, table) for table in self._arrays if rng.random() < 0.5}

    def _changed(self, call: dict[str, Any]) -> dict[str, Any]:
        """The call's next version: some arrays are different, shorter, empty, null or missing."""
        rng = self._rng
        changed = call | {"rating": rng.choice((None, 1, 2, 3, 4, 5))}
        for table in rng.sample(self._arrays, 3):
            before = call.get(table.array) or []
            changed[table.array] = rng.choice((_array(rng, table), before[: len(before) // 2], [], None))
            if rng.random() < 0.1:
                del changed[table.array]
        return changed


def _any_moment(rng: Random) -> datetime:
    return START + timedelta(seconds=rng.randrange(int(SPAN.total_seconds())))


def _misfortune(rng: Random) -> dict[str, Any]:
    return {"rating": UNREADABLE} if rng.random() < 0.01 else {}


def _array(rng: Random, table: Table) -> list[dict[str, Any]]:
    return [_filled(rng, table, 4) for _ in range(rng.choice((0, 1, 1, 2, 3)))]


def _filled(rng: Random, table: Table, most: int) -> dict[str, Any]:
    """An element with some of the table's columns, and the arrays below it."""
    element: dict[str, Any] = {}
    for column in rng.sample(table.columns, min(len(table.columns), most)):
        if not column.path:
            return {"text": rng.choice(_WORDS), "number": rng.randrange(100)}
        inner = element
        for key in column.path[:-1]:
            inner = inner.setdefault(key, {})
        inner[column.path[-1]] = _value(rng, column)
    if table.name == "calls":
        return element
    return element | {child.array: _array(rng, child) for child in CHILDREN if child.parent == table.name}


def _value(rng: Random, column: Column) -> Any:
    match column.type:
        case "text":
            return rng.choice(_WORDS)
        case "json":
            return {"callid": rng.randrange(9), "callId": rng.choice(_WORDS), "list": [1, None, {"a": 2.5}]}
        case "bool":
            return rng.random() < 0.5
        case "bigint":
            return rng.randrange(10_000)
        case "double":
            return round(rng.uniform(0, 100), 2)
        case "timestamp":
            return _stamp(_any_moment(rng))


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
