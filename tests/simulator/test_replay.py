"""A replay that changes or loses what a file holds tests the client on calls nobody ever saw."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.errors import ConfigurationError
from simulator.platform import Credentials, Platform
from simulator.replay import ReplayFiles, clock_after

FIXTURES = Path(__file__).parents[1] / "fixtures"
DOCUMENTS = sorted(FIXTURES.glob("*.json"))
LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
OLD, NEW = "2026-03-01T08:00:00Z", "2026-03-01T08:00:01Z"


def _calls_of(file: Path) -> list[dict[str, Any]]:
    document = json.loads(file.read_text())
    return document if isinstance(document, list) else [document]


def test_the_three_documents_are_served_as_they_are() -> None:
    assert len(DOCUMENTS) == 3
    files = ReplayFiles(DOCUMENTS)
    clock = clock_after(files)
    with Platform(files, clock=clock, credentials=Credentials("acme", "token")) as platform:
        parameters = {
            "sort_column": "updated_at",
            "sort_direction": "ASC",
            "updated_at[to]": (clock.now() - timedelta(hours=12)).isoformat(),
        }
        answer = httpx.get(
            f"{platform.base_url}/manager/api/v1/calls", params=parameters, auth=("acme", "token")
        )
    served = answer.json()
    assert [call["id"] for call in served] == [1, 0, 1418]  # by updated_at: 2016, 2018, 2026
    assert sorted(served, key=lambda call: call["id"]) == sorted(
        (call for file in DOCUMENTS for call in _calls_of(file)), key=lambda call: call["id"]
    )


def test_the_latest_change_counts_its_offset_and_the_default_clock_is_after_it() -> None:
    files = ReplayFiles(DOCUMENTS)
    assert files.latest == datetime(2026, 3, 23, 20, 16, 58, tzinfo=UTC)
    assert clock_after(files).now() == files.latest + timedelta(days=1)


def test_calls_are_there_from_the_beginning() -> None:
    assert len(ReplayFiles(DOCUMENTS).versions(LONG_AGO)) == 3


def test_lines_may_hold_calls_and_pages_and_blanks(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    lines = [
        '\ufeff{"id": 1, "updated_at": "2026-03-01T08:00:00Z", "note": "a\u2028b"}',
        "",
        '[{"id": 2, "updated_at": "2026-03-01T08:00:00Z"}, {"id": 3, "updated_at": "2026-03-01"}]\r',
    ]
    file.write_bytes("\n".join(lines).encode())
    files = ReplayFiles([file])
    assert sorted(version.call_id for version in files.versions(LONG_AGO)) == [1, 2, 3]
    assert files.body(1, LONG_AGO)["note"] == "a\u2028b"


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        (OLD, NEW, "second"),
        (NEW, OLD, "first"),
        (OLD, OLD, "second"),
        (NEW, "2026-03-01T03:00:00-05:00", "first"),
    ],
)
def test_of_two_versions_the_newest_wins_then_the_later_file(
    tmp_path: Path, first: str, second: str, wins: str
) -> None:
    for name, updated_at in (("first", first), ("second", second)):
        (tmp_path / name).write_text(json.dumps({"id": 0, "updated_at": updated_at, "from": name}))
    files = ReplayFiles([tmp_path / "first", tmp_path / "second"])
    assert [version.call_id for version in files.versions(LONG_AGO)] == [0]
    assert files.body(0, LONG_AGO)["from"] == wins


GOOD = '{"id": 1, "updated_at": "2026-03-01T08:00:00Z"}'


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("cut.json", '[\n{"id": 1,\n', "cut.json, line 3, column 1: this is not JSON"),
        ("lines.json", f"{GOOD}\n{GOOD}\n", "lines.json, line 2, column 1: this is not JSON"),
        ("cut.jsonl", f'{GOOD}\n\n{{"id": 1, "upd', "cut.jsonl, line 3, column"),
        ("text.json", '["Jane Doe"]', "text.json, call 1: this is text, not a JSON object"),
        ("wrapped.json", f'{{"calls": [{GOOD}]}}', "wrapped.json, the call: `id` is missing"),
        ("ids.json", f'[{GOOD}, {{"id": "x", "updated_at": "{OLD}"}}]', "ids.json, call 2: `id` is text"),
        ("undated.jsonl", f'{GOOD}\n[{GOOD}, {{"id": 0}}]', "line 2, call 2 (id 0): `updated_at` is missing"),
        ("dated.json", '{"id": 7, "updated_at": "Jane Doe"}', "the call (id 7): `updated_at` is text"),
        ("none.json", "[]", "There is no call to replay"),
        ("empty.jsonl", "", "There is no call to replay"),
        ("empty.json", "", "empty.json, line 1, column 1: this is not JSON"),
    ],
)
def test_a_file_that_cannot_be_replayed_is_named_with_the_place_and_the_mend(
    tmp_path: Path, name: str, content: str, complaint: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigurationError) as told:
        ReplayFiles([tmp_path / name])
    assert complaint in str(told.value)
    assert told.value.mend
    assert "Jane" not in str(told.value)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_is_not_there_is_said_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ReplayFiles([tmp_path / name])
