"""The declared tables as a dlt source: names, types, and the cursor.

    pipelines.ccaip.tables → dlt's schema → tables of the raw dataset
    cursor                 → dlt's state  → `_dlt_pipeline_state`

dlt makes and widens the tables, names the loads and keeps the cursor; the rows themselves are merged by
callmart (`pipelines.warehouse.merging`). Another machine, or an empty working folder, takes schema and
cursor from the warehouse.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.common.schema.utils import new_table
from dlt.extract import DltResource, DltSource

from pipelines.ccaip.explode import ARROW_TYPES
from pipelines.ccaip.tables import EXTRA, LOAD_WINDOWS, RECORDS, TABLES, Table
from pipelines.ccaip.windows import Cursor

NAME = "ccaip"
"""The name of the source, of its schema and of the raw dataset."""

LOAD_ID = "_dlt_load_id"
"""The column that says which load brought a row."""

DECLARED = {table.name: table for table in (*TABLES.values(), *RECORDS)}
"""Every table of the raw dataset, by name."""


def ccaip(cursor: Cursor | None = None) -> DltSource:
    """Every declared table, without rows, and the cursor; without one the cursor stays where it is."""

    @dlt.source(schema=_schema(), max_table_nesting=0)
    def source() -> DltResource:
        return dlt.resource(_remember(cursor), name=LOAD_WINDOWS.name, write_disposition="append")

    return source()


def merge_key(name: str) -> tuple[str, ...]:
    """The columns of a table that say which rows a newer version of a call, or record, replaces."""
    table = DECLARED[name]
    return ("call_id",) if table.parent else table.key


def record_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a record table as it is landed."""
    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in table.columns])


def _remember(cursor: Cursor | None) -> Iterator[dict[str, Any]]:
    """No rows; the cursor goes to the state, which dlt has at hand only while a resource is read.

    Landings are counted there too: of a package that brings neither rows nor a changed state dlt makes no
    load, and `_dlt_loads` would not know what a backfill has landed.
    """
    state = dlt.current.source_state()
    state["landings"] = state.get("landings", 0) + 1
    if cursor is not None:
        state.update(cursor.as_state())
    yield from ()


@cache
def _schema() -> dlt.Schema:
    """The declared tables; dlt takes a copy for each source."""
    schema = dlt.Schema(NAME)
    for table in DECLARED.values():
        schema.update_table(new_table(table.name, columns=_columns(table), write_disposition="append"))
    return schema


def _columns(table: Table) -> list[TColumnSchema]:
    extra = () if table in RECORDS else (EXTRA,)
    columns: list[dict[str, Any]] = [
        {
            "name": column.name,
            "data_type": column.type,
            "nullable": True,
            "x-privacy": column.privacy.value,
        }
        for column in (*table.key_columns, *table.columns, *extra)
    ]
    return [*columns, {"name": LOAD_ID, "data_type": "text", "nullable": True}]
