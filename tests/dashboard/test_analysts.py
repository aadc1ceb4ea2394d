"""docs/analysts.md: every query runs, and gives the columns that its answer shows; so does the notebook."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from pipelines.home import REPOSITORY

pytestmark = pytest.mark.slow

PAGE = (REPOSITORY / "docs" / "analysts.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(
    r"^## ([^\n]+)\n\n```sql\n(.*?)^```\n\n?(?:\| ([^\n]+) \|\n)?", PAGE, re.MULTILINE | re.DOTALL
)


def test_each_heading_has_a_query() -> None:
    assert len(QUESTIONS) == len(re.findall("^## ", PAGE, re.MULTILINE)) >= 30


@pytest.mark.parametrize(("question", "query", "header"), QUESTIONS, ids=[each[0] for each in QUESTIONS])
def test_a_question_is_answered(copy: Path, question: str, query: str, header: str) -> None:
    with duckdb.connect(str(copy), read_only=True) as marts:
        marts.execute("set TimeZone = 'UTC'")
        answer = marts.sql(query)
        answer.fetchall()
    assert not header or answer.columns == header.split(" | ")


def test_the_notebook_runs_and_sums_what_the_marts_say(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell, as `python examples/notebook.py` runs them."""
    monkeypatch.setenv("CALLMART_MARTS", str(copy))
    from examples.notebook import app

    _, found = app.run()
    with duckdb.connect(str(copy), read_only=True) as marts:
        (waits,) = marts.execute(
            "select count(*) from marts.fct_queue_segments where is_offered and queue_name = ?",
            [found["queue"].value],
        ).fetchone()  # type: ignore[misc]
        (handled,) = marts.execute(
            "select count(*) from marts.fct_handled_segments where is_handled and direction = 'inbound'"
        ).fetchone()  # type: ignore[misc]
    assert sum(row["segments"] for row in found["outcomes"]) == waits > 0
    assert 0 < sum(row["handled"] for row in found["rows"]) <= handled
