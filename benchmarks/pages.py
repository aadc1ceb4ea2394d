"""Pages of calls as the API sends them: the real payload, varied, about 9 kB per call."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

_PAYLOAD = Path(__file__).parent.parent / "tests" / "fixtures" / "real_call_1418.json"
_FIRST = datetime(2026, 3, 2, tzinfo=UTC)
_PER_PAGE = 100
_ROWS_WITH_ID = ("transfers", "handle_durations", "queue_durations", "participants")


def write_pages(folder: Path, calls: int) -> int:
    """Write `calls` calls in pages of 100 to `folder`, and return their size in bytes."""
    folder.mkdir(parents=True)
    payload = json.loads(_PAYLOAD.read_text())
    payload["participants"] = payload["participants"][1:3]  # with all five a call is 12 kB
    size = 0
    for page in range(calls // _PER_PAGE):
        numbers = range(page * _PER_PAGE, (page + 1) * _PER_PAGE)
        body = json.dumps([_call(payload, number) for number in numbers], separators=(",", ":")).encode()
        (folder / f"{page:05}.json").write_bytes(body)
        size += len(body)
    return size


def read_pages(folder: Path) -> Iterator[bytes]:
    """The bytes of each page, in order."""
    for file in sorted(folder.iterdir()):
        yield file.read_bytes()


def _call(payload: dict, number: int) -> dict:
    call = copy.deepcopy(payload)
    call["id"] = 100_000 + number
    call["updated_at"] = (_FIRST + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    call["end_user"]["identifier"] = f"caller-{number % 7_919}"
    call["rating"] = number % 5 + 1
    for array in _ROWS_WITH_ID:
        for row in call[array]:
            row["id"] = number * 10
    if number % 3:  # two calls in three were not transferred
        call["transfers"] = []
    return call
