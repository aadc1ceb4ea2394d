"""A chunk of tables as a dlt source: names, types, keys and the cursor.

    tables["calls"] → ccaip.calls, tables["transfers"] → ccaip.transfers, …

dlt sees finished chunks, never the API. The cursor is dlt's state all the same: it is written with
the chunk, lands in the same load package, and an empty working folder gets it back from the warehouse.

Every table of a call is merged by its call: the rows of the chunk's calls are deleted and inserted
anew, so an array that shrank leaves nothing behind. `merge_key` alone does that with one join; with a
primary key beside it dlt joins on either-or, which no engine does fast. Records are merged by their key.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dlt
import pyarrow as pa

from pipelines.ccaip.explode import ARROW_TYPES, DELETED
from pipelines.ccaip.tables import EXTRA, RECORDS, TABLES, Table
from pipelines.ccaip.windows import Cursor

NAME = "ccaip"
"""The name of the source, of its schema and of the raw dataset."""

TAIL_UNTIL = "tail_until"
"""The state's key for the cursor: up to when (UTC, ISO) everything has landed."""

LAST_CHANGE = "last_change"
"""The state's key for the newest change (UTC, ISO) that was seen up to then."""

DECLARED = {table.name: table for table in (*TABLES.values(), *RECORDS)}
"""Every table of the raw dataset, by name."""


@dlt.source(name=NAME, max_table_nesting=0)
def ccaip(tables: dict[str, pa.Table], cursor: Cursor | None = None) -> Iterator[Any]:
    """A chunk's tables, by name. `cursor` lands with them; without it the cursor stays where it is."""
    for name, rows in tables.items():
        yield dlt.resource(
            _rows(rows, cursor),
            name=name,
            columns=_columns(DECLARED[name]),
            merge_key=list(merge_key(name)),
            write_disposition={"disposition": "merge", "strategy": "delete-insert"},
        )


def merge_key(name: str) -> tuple[str, ...]:
    """The columns of a table that say which rows a newer version of a call, or record, replaces."""
    table = DECLARED[name]
    return ("call_id",) if table.parent else table.key


def record_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a record table as it is landed."""
    columns = ((column.name, ARROW_TYPES[column.type]) for column in table.columns)
    return pa.schema([*columns, (DELETED, pa.bool_())])


def cursor_in(state: dict[str, Any]) -> Cursor | None:
    """The cursor in a pipeline's state; None before the first load."""
    source = state.get("sources", {}).get(NAME, {})
    if not (until := source.get(TAIL_UNTIL)):
        return None
    seen = source.get(LAST_CHANGE)
    return Cursor(datetime.fromisoformat(until), datetime.fromisoformat(seen) if seen else None)


def _rows(rows: pa.Table, cursor: Cursor | None) -> Iterator[pa.Table]:
    if cursor is not None:
        state = dlt.current.source_state()
        state[TAIL_UNTIL] = cursor.until.isoformat()
        state[LAST_CHANGE] = cursor.last_change.isoformat() if cursor.last_change else None
    yield rows


def _columns(table: Table) -> dict[str, dict[str, Any]]:
    extra = () if table in RECORDS else (EXTRA,)
    hints: dict[str, dict[str, Any]] = {
        column.name: {"data_type": column.type, "nullable": True}
        for column in (*table.key_columns, *table.columns, *extra)
    }
    hints[DELETED] = {"data_type": "bool", "nullable": True, "hard_delete": True}
    return hints
