"""A table with rows that is taken for an empty one: its rows would not be replaced, and nobody would look at them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines.warehouse.asking import filled_tables

STATEMENTS = {
    "insert": "insert into ccaip.calls from range(3)",
    "much": "insert into ccaip.calls from range(130000)",
    "delete": "delete from ccaip.calls",
    "some": "delete from ccaip.calls where id = 1",
    "update": "update ccaip.calls set id = id + 1",
    "checkpoint": "checkpoint",
    "begin": "begin transaction",
    "commit": "commit",
    "rollback": "rollback",
}
"""`reopen` besides: the file and its log as a killed process leaves them."""


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([*STATEMENTS, "reopen"]), max_size=10))
def test_what_has_committed_rows_is_among_them_whatever_was_done_before(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "0.duckdb"
        connection = duckdb.connect(str(file))
        connection.execute("create schema ccaip; create table ccaip.calls (id bigint)")
        for number, step in enumerate(steps, 1):
            if step == "reopen":
                file = _killed(file, folder / f"{number}.duckdb")
                connection.close()
                connection = duckdb.connect(str(file))
                continue
            try:
                connection.execute(STATEMENTS[step])
            except duckdb.TransactionException:  # nothing to commit, begun already, or no place to checkpoint
                continue
            with connection.cursor() as other:
                committed = other.execute("select count(*) from ccaip.calls").fetchall()[0][0]
                assert not committed or filled_tables(other) == {"calls"}
        connection.close()


def _killed(file: Path, copy: Path) -> Path:
    for each in file.parent.glob(f"{file.name}*"):
        shutil.copy(each, copy.with_name(each.name.replace(file.name, copy.name)))
    return copy
