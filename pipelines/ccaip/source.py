"""A chunk of tables as a dlt source: names, types, keys and the cursor.

    tables["calls"] → ccaip.calls, tables["transfers"] → ccaip.transfers, …

dlt sees finished chunks, never the API. The cursor is dlt's state all the same: it is written with
the chunk, lands in the same load package, and an empty working folder gets it back from the warehouse.

Every table is merged by its call: the rows of the chunk's calls are deleted and inserted anew, so an
array that shrank leaves nothing behind. `merge_key` alone does that with one join; with a primary key
beside it dlt joins on either-or, which no engine does fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dlt
import pyarrow as pa

from pipelines.ccaip.explode import DELETED
from pipelines.ccaip.tables import EXTRA, REJECTED_CALLS, TABLES, Table

NAME = "ccaip"
"""The name of the source, of its schema and of the raw dataset."""

TAIL_UNTIL = "tail_until"
"""The state's key for the cursor: up to when (UTC, ISO) everything has landed."""

_DECLARED = {table.name: table for table in (*TABLES.values(), REJECTED_CALLS)}


@dlt.source(name=NAME, max_table_nesting=0)
def ccaip(tables: dict[str, pa.Table], tail_until: datetime | None = None) -> Iterator[Any]:
    """A chunk's tables, by name. `tail_until` moves the cursor with them; a backfill leaves it alone."""
    for name, rows in tables.items():
        yield dlt.resource(
            _rows(rows, tail_until),
            name=name,
            columns=_columns(_DECLARED[name]),
            merge_key=merge_key(name),
            write_disposition={"disposition": "merge", "strategy": "delete-insert"},
        )


def merge_key(name: str) -> str:
    """The column of a table that says which rows a newer version of a call replaces."""
    if name == REJECTED_CALLS.name:
        return "call_key"
    return "call_id" if _DECLARED[name].parent else "id"


def _rows(rows: pa.Table, tail_until: datetime | None) -> Iterator[pa.Table]:
    if tail_until is not None:
        dlt.current.source_state()[TAIL_UNTIL] = tail_until.isoformat()
    yield rows


def _columns(table: Table) -> dict[str, dict[str, Any]]:
    extra = () if table is REJECTED_CALLS else (EXTRA,)
    hints: dict[str, dict[str, Any]] = {
        column.name: {"data_type": column.type, "nullable": True}
        for column in (*table.key_columns, *table.columns, *extra)
    }
    hints[DELETED] = {"data_type": "bool", "nullable": True, "hard_delete": True}
    return hints
