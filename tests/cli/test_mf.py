"""`callmart mf` where it cannot answer; that it does is for the README's test, what it says for tests/semantic."""

from __future__ import annotations


def test_without_marts_it_says_how_to_get_them(callmart) -> None:
    callmart.root.mkdir()
    asked = callmart("mf", "query", "--metrics", "service_level")
    assert asked.returncode == 1
    assert "callmart run" in asked.stderr
