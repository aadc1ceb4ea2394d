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
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WHITESPACE = b" \t\r\n"
_ID = re.compile(r"-?[0-9]{1,19}(\.0+)?", re.ASCII)
_NAMED_UTC = re.compile(r"\s*(UTC|GMT)$", re.IGNORECASE)
_OBJECT_AHEAD = re.compile(r",\s*(?=\{)")
_lenient = json.JSONDecoder(
    strict=False
)  # accepts NaN and half a surrogate pair, which is enough to read an id


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
    """An API timestamp as UTC, whatever its offset; without one it is UTC (documented). None if unreadable."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(_NAMED_UTC.sub("+00:00", value.strip()))
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
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
    place = 0
    while place < len(text):
        start = place + len(text[place:]) - len(text[place:].lstrip(" \t\r\n"))
        end = _end_of_value(text, start)
        if end is None:
            # unreadable up to what looks like the start of the next call
            ends = (
                found.start() for found in _OBJECT_AHEAD.finditer(text, start) if _is_call(text, found.end())
            )
            end = next(ends, len(text))
        if element := text[start:end].strip(" \t\r\n"):
            yield element.encode("latin-1")
        place = end + len(text[end:]) - len(text[end:].lstrip(" \t\r\n")) + 1  # the comma


def _end_of_value(text: str, start: int) -> int | None:
    """The end of the JSON value at `start`; None if there is no valid list element."""
    try:
        _, end = _lenient.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    rest = text[end : end + 64].lstrip(" \t\r\n")
    return end if rest.startswith(",") or not text[end:].strip(" \t\r\n") else None


def _is_call(text: str, start: int) -> bool:
    """Whether a call begins at `start`, rather than an object inside a call."""
    try:
        value, end = _lenient.raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    rest = text[end : end + 64].lstrip(" \t\r\n")
    return isinstance(value, dict) and {"id", "updated_at"} <= value.keys() and (not rest or rest[0] == ",")


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
