"""Writes a chunk into its tables: what is replaced goes, what came is there, all of it or nothing.

One transaction over every table, so that no reader and no crash ever finds a call without its rows.
A row is replaced by the key its table is merged by (`merge_key`): a call's rows by the call, so an array
that shrank leaves nothing behind; a record's by its own key.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from pipelines.ccaip.source import LOAD_ID, NAME, merge_key
from pipelines.steps import reached
from pipelines.warehouse.asking import ask


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that come to a table. What it has under their keys goes, and what it has under the keys in `gone`."""

    rows: pa.Table
    gone: pa.Table | None = None


def merge(connection: duckdb.DuckDBPyConnection, changes: Mapping[str, Change], load_id: str) -> None:
    """Make the changes, by table, in one transaction; every row that comes is marked with `load_id`."""
    connection.execute("begin transaction")
    try:
        for name, change in changes.items():
            reached("merge")
            _replace(connection, name, change, load_id)
        connection.execute("commit")
    except BaseException:
        _roll_back(connection)
        raise


def _replace(connection: duckdb.DuckDBPyConnection, name: str, change: Change, load_id: str) -> None:
    key = merge_key(name)
    same = " and ".join(f"{name}.{column} = replaced.{column}" for column in key)
    wanted = [
        keys for keys in (change.gone, change.rows.select(list(key))) if keys is not None and keys.num_rows
    ]
    if wanted:
        # each key once: a call's rows would say it again and again
        replaced = pa.concat_tables(wanted).group_by(list(key)).aggregate([])
        ask(connection, f"delete from {NAME}.{name} using replaced where {same}", replaced=replaced)
    if change.rows.num_rows:
        ask(
            connection,
            f"insert into {NAME}.{name} by name select *, '{load_id}' as {LOAD_ID} from coming",
            coming=change.rows,
        )


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):  # a commit that failed has ended the transaction, or the database
        connection.execute("rollback")
