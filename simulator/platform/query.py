"""The query string of a calls request → a `Query`: which calls, in what order, which page of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from simulator.platform.filters import (
    FILTER_PARAMETERS,
    Condition,
    ParameterError,
    conditions,
    every,
    instant,
    only,
    whole,
)

PER_PAGE = 100
"""The default and the maximum number of calls per page."""

SORT_COLUMNS = (
    "id", "created_at", "queued_at", "assigned_at", "connected_at", "ends_at", "scheduled_at", "updated_at",
    "wait_duration", "queue_duration", "call_duration", "hold_duration", "rating",
)  # fmt: skip

_PAGE_PARAMETERS = frozenset({"page", "per"})
_PARAMETERS = FILTER_PARAMETERS | _PAGE_PARAMETERS | {"sort_column", "sort_direction"}


@dataclass(frozen=True)
class Query:
    """A client's query. Bounds are inclusive, in UTC; `None` means no bound, or every id."""

    updated_from: datetime | None
    updated_to: datetime | None
    ids: frozenset[int] | None
    conditions: tuple[Condition, ...]
    sort_column: str
    descending: bool
    page: int
    per: int
    selection: tuple[tuple[str, str], ...]
    """The parameters that select and sort calls, which are the same for all pages."""


def parse_query(query_string: str) -> Query:
    """Read a query string, brackets encoded or not. Raises `ParameterError`.

    An undocumented parameter is refused: if it were ignored, a misspelt filter would return every call. Without a sort,
    calls are sorted by id; the vendor says to always send both parameters.
    """
    pairs = parse_qsl(query_string, keep_blank_values=True)
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in _PARAMETERS:
            raise ParameterError(name, "is not a parameter of calls")
        if not value:
            raise ParameterError(name, "is empty")
        given.setdefault(name, []).append(value)
    return Query(
        updated_from=only(given, "updated_at[from]", instant),
        updated_to=only(given, "updated_at[to]", instant),
        ids=frozenset(every(given, "id[]", whole)) if "id[]" in given else None,
        conditions=conditions(given),
        sort_column=only(given, "sort_column", _sort_column) or "id",
        descending=only(given, "sort_direction", _direction) == "desc",
        page=only(given, "page", _from_one) or 1,
        per=min(only(given, "per", _from_one) or PER_PAGE, PER_PAGE),
        selection=tuple(pair for pair in pairs if pair[0] not in _PAGE_PARAMETERS),
    )


def _sort_column(text: str) -> str:
    if text not in SORT_COLUMNS:
        raise ValueError(f"must be one of {', '.join(SORT_COLUMNS)}")
    return text


def _direction(text: str) -> str:
    if text.lower() not in ("asc", "desc"):
        raise ValueError("must be ASC or DESC")
    return text.lower()


def _from_one(text: str) -> int:
    number = whole(text)
    if number == 0:
        raise ValueError("counts from 1")
    return number
