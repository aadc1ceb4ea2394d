"""The calls at one instant, in order: a `Query` → the ids it selects.

Most requests are for a window of `updated_at`, sorted by it: a slice of ids that are sorted once per instant. Others
use summaries, which are computed from bodies when needed and cached until the call changes.

Ties are sorted by id, calls without the value come last, and `DESC` is the exact reverse of `ASC` (not documented by
the vendor).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from simulator.calls import CallSource
from simulator.platform.query import Query
from simulator.platform.summary import Summary, summarise

_SELECTIONS_KEPT = 32


class Index:
    """The calls of a source at `now` (UTC). Not thread-safe."""

    def __init__(self, source: CallSource, now: datetime, summaries: _Summaries) -> None:
        self.now = now
        self._summaries = summaries
        # Two stable sorts take half the time of one by a pair.
        versions = sorted(source.versions(now), key=attrgetter("call_id"))
        versions.sort(key=attrgetter("updated_at"))
        self._updated = [version.updated_at for version in versions]
        self._ids = [version.call_id for version in versions]
        self._selections: dict[tuple[tuple[str, str], ...], Sequence[int]] = {}

    def select(self, query: Query) -> Sequence[int]:
        """The ids of the calls that `query` selects, in its order, for all pages."""
        window = range(
            0 if query.updated_from is None else bisect_left(self._updated, query.updated_from),
            len(self._ids) if query.updated_to is None else bisect_right(self._updated, query.updated_to),
        )
        if query.ids is None and not query.conditions and query.sort_column == "updated_at":
            selected = self._ids[window.start : window.stop]
            return selected[::-1] if query.descending else selected
        if query.selection not in self._selections:
            while len(self._selections) >= _SELECTIONS_KEPT:
                del self._selections[next(iter(self._selections))]
            self._selections[query.selection] = self._search(window, query)
        return self._selections[query.selection]

    def _search(self, window: range, query: Query) -> Sequence[int]:
        places: Sequence[int] = window
        if query.ids is not None:
            places = [place for place in places if self._ids[place] in query.ids]
        if query.conditions:
            places = [place for place in places if self._fulfils(place, query)]
        if query.sort_column == "id":
            places = sorted(places, key=self._ids.__getitem__)
        elif query.sort_column != "updated_at":
            places = sorted(places, key=lambda place: self._sort_key(place, query.sort_column))
        selected = [self._ids[place] for place in places]
        return selected[::-1] if query.descending else selected

    def _fulfils(self, place: int, query: Query) -> bool:
        summary = self._summary(place)
        return all(condition(summary) for condition in query.conditions)

    def _sort_key(self, place: int, column: str) -> tuple[bool, Any, int]:
        value = getattr(self._summary(place), column)
        return value is None, value, self._ids[place]

    def _summary(self, place: int) -> Summary:
        return self._summaries.of(self._ids[place], self._updated[place], self.now)


class _Summaries:
    """The summary of each call's last requested version.

    Filters do not see a change without a new `updated_at`, although it is in the body.
    """

    def __init__(self, source: CallSource) -> None:
        self._source = source
        self._kept: dict[int, tuple[datetime, Summary]] = {}

    def of(self, call_id: int, updated_at: datetime, now: datetime) -> Summary:
        kept = self._kept.get(call_id)
        if kept is None or kept[0] != updated_at:
            kept = self._kept[call_id] = updated_at, summarise(self._source.body(call_id, now))
        return kept[1]


class Indexes:
    """The index of the last requested instant. Used by the server's single thread only."""

    def __init__(self, source: CallSource) -> None:
        self._source = source
        self._summaries = _Summaries(source)
        self._last: Index | None = None

    def at(self, now: datetime) -> Index:
        """The calls at `now` (UTC)."""
        if self._last is None or self._last.now != now:
            self._last = Index(self._source, now, self._summaries)
        return self._last
