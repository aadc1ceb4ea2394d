"""`callmart rejected` as a person types it, and the exit codes a scheduler sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import callmart
from tests.extraction.living import START, a_call, seconds, stamp

__all__ = ["callmart"]


@pytest.fixture
def three_bad_calls(tmp_path: Path) -> Path:
    calls = [a_call(number, updated_at=stamp(START + seconds(number))) for number in range(1, 6)]
    for call in calls[2:]:
        call |= {"rating": 2.5, "feedback": "Ann was kind"}
    calls[0] |= {"status": "hibernating"}
    file = tmp_path / "calls.json"
    file.write_text(json.dumps(calls))
    return file


def test_rejected_calls_from_the_load_to_the_retry(callmart, three_bad_calls):
    callmart.settings()
    nothing = callmart("rejected")
    assert nothing.returncode == 1
    assert "no warehouse" in nothing.stderr
    with callmart.replayed(three_bad_calls) as env:
        broken = callmart("load", **env, SOURCES__CCAIP__FATAL_DRIFT="calls.status")
        assert broken.returncode == 5, broken.stderr
        assert "new value of calls.status: hibernating" in broken.stderr
        loaded = callmart("load", **env)
        again = callmart("rejected", "--retry", **env)
    assert loaded.returncode == 5, loaded.stderr
    assert "3 of 5 calls could not be parsed" in loaded.stderr
    assert "Loaded 2 calls" in loaded.stdout
    assert "new value of calls.status: hibernating (1×)" in loaded.stdout

    page = callmart("rejected")
    assert page.returncode == 0, page.stderr
    assert page.stdout.count("rating: expected a whole number") == 3
    assert "Ann" not in page.stdout
    lines = [json.loads(line) for line in callmart("rejected", "--json").stdout.splitlines()]
    assert sorted(line["call_key"] for line in lines) == ["3", "4", "5"]
    assert {line["attempt"] for line in lines} == {2}
    assert "body" not in lines[0]
    (first, *_) = callmart("rejected", "--json", "--body").stdout.splitlines()
    body = json.loads(json.loads(first)["body"])
    assert body["feedback"] == "(withheld: text)"
    assert body["rating"] == "(withheld: number with a fraction)"

    assert again.returncode == 0, again.stderr
    assert "Parsed 3 rejected calls again: 0 were loaded, 3 still cannot be parsed." in again.stdout
    alone = callmart("rejected", "--retry", PRIVACY__KEY=env["PRIVACY__KEY"])
    assert alone.returncode == 2, "of calls that were not kept whole the API is asked"
    assert "base_url" in alone.stderr
    assert callmart("rejected", "--retry", "--json").returncode == 2
