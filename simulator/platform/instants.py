"""Instants as the API writes them: text with an offset → an aware `datetime` in UTC, and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime

# `datetime.fromisoformat` also accepts week dates and bare digits, which the API does not.
_SHAPE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?", re.ASCII)


def parse_instant(text: str) -> datetime:
    """The instant of `text` in UTC. Without an offset it is taken as UTC, as in the API.

    Raises `ValueError` for anything but an ISO 8601 date or date and time.
    """
    if not _SHAPE.fullmatch(text):
        raise ValueError("not an ISO 8601 instant")
    return as_utc(datetime.fromisoformat(text))


def readable_instant(value: object) -> datetime | None:
    """The instant (UTC) of a JSON value; None if unreadable."""
    if not isinstance(value, str):
        return None
    try:
        return parse_instant(value)
    except ValueError:
        return None


def as_utc(at: datetime) -> datetime:
    """`at` in UTC; one without a zone is taken as UTC. Raises `ValueError` beyond the years 1 to 9999."""
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError as beyond:
        raise ValueError("beyond the years 1 to 9999") from beyond


def http_date(at: datetime) -> str:
    """`at` (UTC) as in a `Date` header (RFC 7231): whole seconds, truncated."""
    return format_datetime(at, usegmt=True)
