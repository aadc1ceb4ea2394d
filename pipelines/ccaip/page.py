"""Split the body of a response into calls, and read the id and the times of each. Only this module decides these.

A body is a JSON list with one object per call. Most bodies are decoded as a whole. One that is not valid JSON is split
into calls, so that a call with a broken escape, a `NaN` or a byte that is not UTF-8 does not affect the others. What
cannot be decoded becomes a call without an id, which the parser rejects.

Only the id and two times are read here, which is all that tailing needs; `parse` reads the rest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from pipelines.ccaip.tables import CHILDREN, TABLES

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WHITESPACE = b" \t\r\n"
_ID = re.compile(r"-?[0-9]{1,19}(\.0+)?", re.ASCII)
_INSTANT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:(?:T| +)(?P<time>\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?) *(?P<offset>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)
_END_OF_DAY = re.compile(r"24:00(?::00(?:[.,]0+)?)?")
_WHITESPACES = re.compile(r"[ \t\r\n]*")
_OBJECT_AHEAD = re.compile(r",[ \t\r\n]*(?=\{)")
_END_OF_ELEMENT = re.compile(r"[ \t\r\n]*(?:,|\Z)")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_FIRST_KEYS = re.compile(r'\{\s*"(\w+)"\s*:\s*(?:"[^"]*"|[^",{}\[\]]*),\s*"(\w+)"\s*:')
_INSIDE_A_CALL = frozenset(
    column.path[0] for table in CHILDREN for column in table.columns if column.path
) - {column.path[0] for column in TABLES["calls"].columns}
"""Keys that rows of arrays have and calls have not."""

_lenient = json.JSONDecoder(strict=False)  # reads NaN and half a surrogate pair, which is enough for an id


class NoPage(ValueError):
    """The body is not a JSON list of calls: it was truncated, or is the error page of a proxy."""


class _Head(msgspec.Struct):
    """What tailing reads of a call. `Any`, so that a wrong type rejects the call and not the page."""

    id: Any = None
    updated_at: Any = None
    queued_at: Any = None


_heads = msgspec.json.Decoder(list[_Head])
_bodies = msgspec.json.Decoder(list[msgspec.Raw])
_strict = msgspec.json.Decoder(float_hook=Decimal)  # 1e999 is valid JSON, but not a float


@dataclass(frozen=True, slots=True)
class FetchedCall:
    """A call as fetched: its id as text, when it changed and was queued (UTC), its JSON.

    Each is None if it is missing or unreadable. `is_json` says whether a strict reader can decode the body.
    """

    id: str | None
    updated_at: datetime | None
    body: bytes
    queued_at: datetime | None = None
    is_json: bool = True

    @property
    def key(self) -> str:
        """What identifies the call: its id, or a fingerprint of the body if the id is unreadable."""
        return self.id if self.id is not None else "sha256:" + hashlib.sha256(self.body).hexdigest()

    @property
    def json(self) -> bytes:
        """The body for JSON readers: empty if it is not valid JSON, so that every reader rejects it."""
        return self.body if self.is_json else b""


def read_calls(body: bytes) -> list[FetchedCall]:
    """The calls of a response's body, in order. Raises `NoPage` if it is not a list of calls."""
    body = body.removeprefix(_BYTE_ORDER_MARK).strip(_WHITESPACE)
    if not (body.startswith(b"[") and body.endswith(b"]")):
        raise NoPage
    try:
        body.decode()  # msgspec does not check the encoding of parts that it skips
        return [
            FetchedCall(
                _id(head.id), parse_instant(head.updated_at), bytes(raw), parse_instant(head.queued_at)
            )
            for head, raw in zip(_heads.decode(body), _bodies.decode(body), strict=True)
        ]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [_leniently(call) for call in _split(body[1:-1])]


def parse_instant(value: object) -> datetime | None:
    """An API timestamp as UTC, whatever offset it carries; without one it is UTC (page). None if unreadable.

    24:00 is the midnight that follows. A second 60 cannot be read, nor can a year before 1 or after 9999.
    """
    if not isinstance(value, str) or (found := _INSTANT.fullmatch(value.strip())) is None:
        return None
    day, time, offset = found.group("day"), found.group("time") or "00:00", found.group("offset") or ""
    if is_midnight_after := _END_OF_DAY.fullmatch(time) is not None:
        time = "00:00"
    offset = "+00:00" if offset.upper() in ("", "Z", "UTC", "GMT") else offset
    try:
        instant = datetime.fromisoformat(f"{day}T{time}{offset}").astimezone(UTC)
        return instant + timedelta(days=1) if is_midnight_after else instant
    except (ValueError, OverflowError):
        return None


def _id(value: object) -> str | None:
    """A whole number as text: 12, "12" and 12.0 are the same id."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, int) and abs(value) >= 2**63:
        return None  # Python does not convert an integer of thousands of digits
    text = str(value)
    return str(int(text.partition(".")[0])) if _ID.fullmatch(text) else None


def _split(listed: bytes) -> Iterator[bytes]:
    """The elements of a list that is not valid JSON as a whole, as bytes.

    Latin-1 maps each byte to a character, so that any bytes can be searched as text without loss.
    """
    text = listed.decode("latin-1")
    first_keys = _first_keys(text, _WHITESPACES.match(text).end())  # type: ignore[union-attr]  # matches anywhere
    place = 0
    while place < len(text):
        start = _WHITESPACES.match(text, place).end()  # type: ignore[union-attr]  # matches anywhere
        end = _end_of_value(text, start)
        if end is None:
            end = _end_of_broken(text, start, first_keys)
        if element := text[start:end].strip(" \t\r\n"):
            yield element.encode("latin-1")
        place = _WHITESPACES.match(text, end).end() + 1  # type: ignore[union-attr]  # the comma


def _end_of_value(text: str, start: int) -> int | None:
    """The end of the JSON value at `start`; None if there is no valid list element."""
    try:
        _, end = _lenient.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return end if _END_OF_ELEMENT.match(text, end) else None


def _end_of_broken(text: str, start: int, first_keys: tuple[str, ...] | None) -> int:
    """Where a call ends that cannot be decoded: where its brackets close, or before the next call by the look of it.

    A broken number or escape leaves brackets and quotes as they are; a cut does not. `first_keys` are those of the
    page's first call: a next call that is broken too is known by them.
    """
    closed = _end_of_brackets(text, start)
    for found in _OBJECT_AHEAD.finditer(text, start, len(text) if closed is None else closed):
        if _begins_call(text, found.end(), first_keys):
            return found.start()
    return len(text) if closed is None else closed


def _end_of_brackets(text: str, start: int) -> int | None:
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text, start):
        match text[found.start()]:
            case "{" | "[":
                depth += 1
            case "}" | "]":
                depth -= 1
                if depth == 0 and _END_OF_ELEMENT.match(text, found.end()):
                    return found.end()
                if depth <= 0:
                    return None
    return None


def _begins_call(text: str, start: int, first_keys: tuple[str, ...] | None) -> bool:
    """Whether a call begins at `start`, and not an object inside of one."""
    try:
        value, end = _lenient.raw_decode(text, start)
    except (ValueError, RecursionError):
        return first_keys is not None and _first_keys(text, start) == first_keys
    return (
        isinstance(value, dict)
        and {"id", "updated_at"} <= value.keys()
        and _INSIDE_A_CALL.isdisjoint(value)
        and _END_OF_ELEMENT.match(text, end) is not None
    )


def _first_keys(text: str, start: int) -> tuple[str, ...] | None:
    found = _FIRST_KEYS.match(text, start)
    return found.groups() if found else None


def _leniently(body: bytes) -> FetchedCall:
    """A call with what can be read of it, even if it is not valid JSON."""
    try:
        value = _lenient.decode(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return FetchedCall(None, None, body, is_json=_is_json(body))
    return FetchedCall(
        _id(value.get("id")),
        parse_instant(value.get("updated_at")),
        body,
        parse_instant(value.get("queued_at")),
        _is_json(body),
    )


def _is_json(body: bytes) -> bool:
    try:
        _strict.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
