"""docs/analysts.md: every query runs, and gives the columns that its answer shows."""

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
    assert len(QUESTIONS) == len(re.findall("^## ", PAGE, re.MULTILINE)) > 20


@pytest.mark.parametrize(("question", "query", "header"), QUESTIONS, ids=[each[0] for each in QUESTIONS])
def test_a_question_is_answered(copy: Path, question: str, query: str, header: str) -> None:
    with duckdb.connect(str(copy), read_only=True) as marts:
        marts.execute("set TimeZone = 'UTC'")
        answer = marts.sql(query)
        answer.fetchall()
    assert not header or answer.columns == header.split(" | ")
