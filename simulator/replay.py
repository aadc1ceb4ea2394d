"""Files of calls → a `CallSource`, so that the platform serves saved calls.

A file is a JSON document (one call, or an array of calls like the API's pages) or, if it is named `.jsonl` or
`.ndjson`, one such document per line. The newest version of each call is served from the beginning, whatever the
clock shows, because files have final states, not histories.

Bodies keep every key; only what is equal in JSON (whitespace, escapes, `2.0` and `2.00`) may be written differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from pipelines.errors import ConfigurationError
from simulator.calls import CallVersion
from simulator.platform.clock import Clock
from simulator.platform.instants import parse_instant

_ONE_DOCUMENT_A_LINE = (".jsonl", ".ndjson")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ReplayFiles:
    """The calls of files, read at once. Of two versions the one with the newest `updated_at` counts, then the later one.

    Raises `ConfigurationError`, naming file and position, for a file that cannot be read as calls,
    and if none of them has a call.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        # A body is kept as JSON: Python objects take about five times the memory.
        self._calls: dict[int, tuple[datetime, bytes]] = {}
        for path in map(Path, paths):
            for where, call in _calls_in(path):
                call_id, updated_at = _identity(path, where, call)
                kept = self._calls.get(call_id)
                if kept is None or kept[0] <= updated_at:
                    self._calls[call_id] = updated_at, orjson.dumps(call)
        if not self._calls:
            raise ConfigurationError(
                "There is no call to replay.", mend="Name files that contain calls as returned by the API."
            )

    @property
    def latest(self) -> datetime:
        """The greatest `updated_at` of all calls, in UTC."""
        return max(updated_at for updated_at, _ in self._calls.values())

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        """Every call of the files, once each, whatever `now` is."""
        return [CallVersion(call_id, updated_at) for call_id, (updated_at, _) in self._calls.items()]

    def body(self, call_id: int, now: datetime) -> dict[str, Any]:
        """The call as in its file, whatever `now` is."""
        return orjson.loads(self._calls[call_id][1])


def clock_after(files: ReplayFiles) -> Clock:
    """A clock frozen one day after the latest change in the files.

    A client reads up to the server's date minus a settle time. A day later it reads everything, with the same result
    each time.
    """
    return Clock.frozen(files.latest + timedelta(days=1))


def _calls_in(path: Path) -> Iterator[tuple[str, Any]]:
    """Each call of a file with its position."""
    for where, document in _documents_in(path):
        if isinstance(document, list):
            for number, call in enumerate(document, start=1):
                yield f"{where}call {number}", call
        else:
            yield f"{where}the call", document


def _documents_in(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        content = path.read_bytes().removeprefix(_BYTE_ORDER_MARK)
    except OSError as unreadable:
        raise ConfigurationError(
            f"{path} cannot be read: {unreadable.strerror}.", mend="Name a file that you may read."
        ) from unreadable
    if path.suffix.lower() not in _ONE_DOCUMENT_A_LINE:
        yield "", _parsed(path, content, first_line=1)
        return
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield f"line {number}, ", _parsed(path, line, first_line=number)


def _parsed(path: Path, document: bytes, first_line: int) -> Any:
    try:
        return orjson.loads(document)
    except orjson.JSONDecodeError as wrong:
        raise ConfigurationError(
            f"{path}, line {first_line + wrong.lineno - 1}, column {wrong.colno}: this is not JSON ({wrong.msg}).",
            mend="Correct the file, or save it again. One call per line needs a file named .jsonl.",
        ) from None


def _identity(path: Path, where: str, call: Any) -> tuple[int, datetime]:
    if not isinstance(call, dict):
        raise ConfigurationError(
            f"{path}, {where}: this is {_kind(call)}, not a JSON object.",
            mend="A file must contain one call, or an array of calls, as returned by the API.",
        )
    call_id, updated_at = call.get("id"), call.get("updated_at")
    if not isinstance(call_id, int) or isinstance(call_id, bool):
        raise ConfigurationError(
            f"{path}, {where}: `id` is {_kind(call_id)}, not a whole number.",
            mend="Every call needs its id. Save a page as the array it is, without anything around it.",
        )
    try:
        return call_id, parse_instant(updated_at if isinstance(updated_at, str) else "")
    except ValueError:
        raise ConfigurationError(
            f"{path}, {where} (id {call_id}): `updated_at` is {_kind(updated_at)}, not an ISO 8601 instant.",
            mend="The call needs the time of its last change, such as 2026-03-23T20:16:58Z.",
        ) from None


def _kind(value: object) -> str:
    """The type of a value. The value is not shown, because it may be personal."""
    names = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "an array"}
    return "missing" if value is None else names.get(type(value), "an object")
