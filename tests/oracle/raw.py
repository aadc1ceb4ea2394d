"""Reading a call's JSON: arrays that may be missing, instants with any offset, flags as 0, 1, true or false."""

from __future__ import annotations

import datetime as dt
from typing import Any

Json = dict[str, Any]


def elements(call: Json, array: str) -> list[Json]:
    """The array's elements; none where it is missing or null."""
    return call.get(array) or []


def without_copies(rows: list[Json], span: tuple[str, ...]) -> list[Json]:
    """The rows without those that the vendor sent again later: by id, or with the same span and the same `span` keys."""
    kept = []
    for place, row in enumerate(rows):
        later = rows[place + 1 :]
        same_id = row.get("id") is not None and any(each.get("id") == row["id"] for each in later)
        same_span = bool(instant(row, "started_at") and instant(row, "ended_at")) and any(
            all(instant(each, key) == instant(row, key) for key in ("started_at", "ended_at"))
            and all(_plain(each, key) == _plain(row, key) for key in span)
            and (seconds(each, "call_duration") > 0) == (seconds(row, "call_duration") > 0)
            for each in later
        )
        if not same_id and not same_span:
            kept.append(row)
    return kept


def _plain(row: Json, key: str) -> int | None:
    return bool(row.get(key)) if key == "barged" else number(row, key)


def instant(element: Json, key: str) -> dt.datetime | None:
    """A timestamp as an instant in UTC."""
    text = element.get(key)
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC) if text else None


def some_instant(element: Json, key: str) -> dt.datetime:
    """A timestamp that cannot be missing."""
    value = instant(element, key)
    assert value is not None, f"no {key}"
    return value


def seconds(element: Json, key: str) -> int:
    """A duration; 0 if missing."""
    return int(element.get(key) or 0)


def told_or_elapsed(element: Json, key: str) -> int:
    """A duration; if missing, from `started_at` to `ended_at`."""
    start, end = instant(element, "started_at"), instant(element, "ended_at")
    if element.get(key) is None and start and end:
        return elapsed(start, end)
    return seconds(element, key)


def number(element: Json, key: str) -> int | None:
    """A whole number or nothing."""
    value = element.get(key)
    return None if value is None else int(value)


def flag(element: Json, key: str) -> bool | None:
    """A flag or nothing."""
    value = element.get(key)
    return None if value is None else bool(value)


def id_inside(element: Json, key: str) -> int | None:
    """The id of a nested object (`from_agent.id`) or nothing."""
    return number(element.get(key) or {}, "id")


def elapsed(start: dt.datetime, end: dt.datetime) -> int:
    """Whole seconds from start to end."""
    return round((end - start).total_seconds())
