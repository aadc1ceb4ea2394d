"""Files of calls → a `CallSource`, so that the platform serves calls somebody saved.

A file is a JSON document (one call, or an array of them as the API's pages are) or, when it is named
`.jsonl` or `.ndjson`, one such document a line. Of each call the newest version counts, and it is
there from the beginning, whatever the clock shows: files tell how calls ended, not how they went.

Bodies keep every key as it was; only what JSON does not tell apart (blanks, escapes, `2.0` and
`2.00`) may be written differently.
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
    """The calls of files, read at once. Of two versions the newest `updated_at` wins, then the later one.

    Raises `ConfigurationError`, naming file and position, for a file that cannot be read as calls,
    and when there is no call in any of them.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        # A body is kept as JSON: as Python objects a call takes about five times the memory.
        self._calls: dict[int, tuple[datetime, bytes]] = {}
        for path in map(Path, paths):
            for where, call in _calls_in(path):
                call_id, updated_at = _identity(path, where, call)
                kept = self._calls.get(call_id)
                if kept is None or kept[0] <= updated_at:
                    self._calls[call_id] = updated_at, orjson.dumps(call)
        if not self._calls:
            raise ConfigurationError(
                "There is no call to replay.", mend="Name files that hold calls as the API answers them."
            )

    @property
    def latest(self) -> datetime:
        """The greatest `updated_at` of all calls, in UTC."""
        return max(updated_at for updated_at, _ in self._calls.values())

    def versions(self, now: datetime) -> Sequence[CallVersion]:
        """Every call of the files, once each, whatever `now` is."""
        return [CallVersion(call_id, updated_at) for call_id, (updated_at, _) in self._calls.items()]

    def body(self, call_id: int, now: datetime) -> dict[str, Any]:
        """The call as its file has it, whatever `now` is."""
        return orjson.loads(self._calls[call_id][1])


def clock_after(files: ReplayFiles) -> Clock:
    """A clock frozen one day after the latest change in the files.

    A client reads up to the server's date less some minutes or hours, for calls that settle late; a
    day later it reads everything, and reads the same tomorrow.
    """
    return Clock.frozen(files.latest + timedelta(days=1))


def _calls_in(path: Path) -> Iterator[tuple[str, Any]]:
    """Each call of a file with where it stands in it."""
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
            f"{path} cannot be read: {unreadable.strerror}.", mend="Name a file, and one you may read."
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
            f"{path}, line {first_line + wrong.lineno - 1}, column {wrong.colno}: this is no JSON ({wrong.msg}).",
            mend="Mend the file, or save it again; one call a line is read from files named .jsonl.",
        ) from None


def _identity(path: Path, where: str, call: Any) -> tuple[int, datetime]:
    if not isinstance(call, dict):
        raise ConfigurationError(
            f"{path}, {where}: this is {_kind(call)}, not a JSON object.",
            mend="A file holds one call, or an array of calls, as the API answers them.",
        )
    call_id, updated_at = call.get("id"), call.get("updated_at")
    if not isinstance(call_id, int) or isinstance(call_id, bool):
        raise ConfigurationError(
            f"{path}, {where}: `id` is {_kind(call_id)}, not a whole number.",
            mend="Give every call its id; a page belongs into the file as the array it is, with nothing around it.",
        )
    try:
        return call_id, parse_instant(updated_at if isinstance(updated_at, str) else "")
    except ValueError:
        raise ConfigurationError(
            f"{path}, {where} (id {call_id}): `updated_at` is {_kind(updated_at)}, not an ISO 8601 instant.",
            mend="Give the call the instant it last changed, such as 2026-03-23T20:16:58Z.",
        ) from None


def _kind(value: object) -> str:
    """What a value is, without showing it: it may be somebody's name."""
    names = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "an array"}
    return "missing" if value is None else names.get(type(value), "an object")
