"""Writes a chunk into its tables: what is replaced goes, what came is there, all of it or nothing.

One transaction over every table, so that no reader and no crash ever finds a call without its rows.
A row is replaced by the key its table is merged by (`merge_key`): a call's rows by the call, so an array
that shrank leaves nothing behind; a record's by its own key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from pipelines.ccaip.schema import LOAD_ID, NAME, merge_key
from pipelines.steps import reached
from pipelines.warehouse.asking import ask, filled_tables


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that come to a table, and what goes before: what it has under the keys in `gone`.

    `gone` has the columns of the table's merge key, in its order, and the keys of `rows` among others; without
    it, those are all.
    """

    rows: pa.Table
    gone: pa.Table | None = None


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All that is written in the block, or nothing of it."""
    connection.execute("begin transaction")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        with suppress(duckdb.Error):  # a commit that failed has ended the transaction, or the database
            connection.execute("rollback")
        raise


def merge(connection: duckdb.DuckDBPyConnection, changes: Mapping[str, Change], load_id: str) -> None:
    """Make the changes, by table; every row that comes is marked with `load_id`. Call it in a `transaction`."""
    filled = filled_tables(connection)  # to look for rows to replace takes as long in an empty table
    with ExitStack() as at_hand:
        # A chunk's tables share one list of calls: shown once. Each is kept, or its id would be given again.
        shown: dict[int, pa.Table] = {}
        for name, change in changes.items():
            reached("merge")
            gone = change.rows.select(list(merge_key(name))) if change.gone is None else change.gone
            if gone.num_rows and name in filled:
                keys = f"gone_{id(gone)}"
                if id(gone) not in shown:
                    shown[id(gone)] = gone
                    at_hand.enter_context(_showing(connection, keys, gone))
                _delete(connection, name, keys, gone.column_names)
            if change.rows.num_rows:
                _insert(connection, name, change.rows, load_id)


@contextmanager
def _showing(connection: duckdb.DuckDBPyConnection, name: str, keys: pa.Table) -> Iterator[None]:
    """Each key once: a call's rows would say it again and again."""
    connection.register(name, keys.group_by(keys.column_names).aggregate([]))
    try:
        yield
    finally:
        with suppress(duckdb.Error):  # a database that is out of memory has forgotten it already
            connection.unregister(name)


def _delete(connection: duckdb.DuckDBPyConnection, name: str, gone: str, keys: list[str]) -> None:
    same = " and ".join(
        f"{name}.{column} = {gone}.{key}" for column, key in zip(merge_key(name), keys, strict=True)
    )
    connection.execute(f"delete from {NAME}.{name} using {gone} where {same}")


def _insert(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table, load_id: str) -> None:
    insert = f"insert into {NAME}.{name} by name select *, '{load_id}' as {LOAD_ID} from coming"
    ask(connection, insert, coming=rows)
