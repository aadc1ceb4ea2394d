"""The view: which dates, queues, languages and call types a page shows. It is the query string of the URL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

DIRECTIONS = ("inbound", "outbound")
COMPARISONS = {"previous": "the same weekdays before", "none": "nothing"}
_LONGEST_RANGE_DAYS = 400


class ViewError(ValueError):
    """A query string that cannot be read. The message names the value and what was expected."""


@dataclass(frozen=True)
class View:
    """A selection. Dates are local dates of the queues, both inclusive; no queue means all queues."""

    from_date: date
    to_date: date
    queues: tuple[int, ...] = ()
    language: str = ""
    call_type: str = ""
    direction: str = DIRECTIONS[0]
    compare: str = "previous"
    agent: int | None = None
    at: datetime | None = None

    @classmethod
    def read(cls, query: QueryParams, first: date, last: date, days: int) -> View:
        """The view of a query string; where it gives no dates, the last `days` dates that have data.

        Raises `ViewError`.
        """
        to_date = _date(query, "to") or last
        from_date = _date(query, "from") or max(first, to_date - timedelta(days=days - 1))
        if from_date > to_date:
            raise ViewError(f"from={from_date} is after to={to_date}: swap them.")
        if (to_date - from_date).days >= _LONGEST_RANGE_DAYS:
            raise ViewError(
                f"{from_date} to {to_date} is longer than {_LONGEST_RANGE_DAYS} days: choose a shorter range."
            )
        direction = query.get("direction") or DIRECTIONS[0]
        if direction not in DIRECTIONS:
            raise ViewError(f"direction={direction} is not one of {', '.join(DIRECTIONS)}.")
        compare = query.get("compare") or "previous"
        if compare not in COMPARISONS:
            raise ViewError(f"compare={compare} is not one of {', '.join(COMPARISONS)}.")
        agents = _numbers(query, "agent")
        return cls(
            from_date,
            to_date,
            queues=_numbers(query, "queue"),
            language=query.get("language", ""),
            call_type=query.get("call_type", ""),
            direction=direction,
            compare=compare,
            agent=agents[0] if agents else None,
            at=_instant(query, "at"),
        )

    @property
    def days(self) -> int:
        """How many dates are selected."""
        return (self.to_date - self.from_date).days + 1

    @property
    def shift_days(self) -> int:
        """How far back the comparison lies: whole weeks, so that it has the same weekdays."""
        return -(-self.days // 7) * 7

    def query(self, **changes: Any) -> str:
        """The view as a query string, with some values changed. Defaults are left out."""
        values: dict[str, Any] = {
            "from": self.from_date,
            "to": self.to_date,
            "queue": self.queues,
            "language": self.language,
            "call_type": self.call_type,
            "direction": self.direction if self.direction != DIRECTIONS[0] else "",
            "compare": self.compare if self.compare != "previous" else "",
            "agent": self.agent,
            "at": self.at,
        } | changes
        given = {name: value for name, value in values.items() if value not in ("", None, ())}
        return urlencode(given, doseq=True)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of all panels' SQL. `queues` is written as `|1|2|`; empty means all."""
        shift = timedelta(days=self.shift_days)
        compared = self.compare != "none"
        return {
            "from_date": self.from_date,
            "to_date": self.to_date,
            "before_from": self.from_date - shift if compared else None,
            "before_to": self.to_date - shift if compared else None,
            "shift_days": self.shift_days,
            "trend_from": self.to_date - timedelta(days=13),
            "queues": "".join(f"|{queue}" for queue in self.queues) + "|" if self.queues else "",
            "language": self.language,
            "call_type": self.call_type,
            "direction": self.direction,
            "agent": self.agent if self.agent is not None else -1,
            "at": self.at,
        }


def _date(query: QueryParams, name: str) -> date | None:
    value = query.get(name)
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ViewError(f"{name}={value} is not a date: write it as 2026-03-31.") from None


def _instant(query: QueryParams, name: str) -> datetime | None:
    value = query.get(name)
    if not value:
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None)
    except ValueError:
        raise ViewError(f"{name}={value} is not a local time: write it as 2026-03-31T09:30.") from None


def _numbers(query: QueryParams, name: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(value) for value in query.getlist(name) if value}))
    except ValueError:
        raise ViewError(f"{name} is a number, as in {name}=12.") from None
