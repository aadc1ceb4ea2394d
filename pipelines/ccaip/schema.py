"""The declared tables as dlt schemas: columns, keys, and the links between a call and its rows.

    pipelines.ccaip.tables → dlt's table schemas → tables of the raw dataset

`calls` is a root table and every array a nested table, so that dlt replaces a call with all its rows in one merge. dlt
usually creates the linking columns (`_dlt_id`, `_dlt_parent_id`, `_dlt_root_id`) while it unnests JSON.
Here Arrow tables are yielded, which dlt does not unnest, so the columns are computed from the keys: a call has the
same `_dlt_id` in every load.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.schema.typing import TTableSchema

from pipelines.ccaip.parse import ARROW_TYPES
from pipelines.ccaip.tables import EXTRA, RECORDS, REJECTED_CALLS, TABLES, Table

LOAD_ID = "_dlt_load_id"
"""The column with the load of a row."""

ROW_ID, PARENT_ID, ROOT_ID, LIST_INDEX = "_dlt_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_list_idx"
"""dlt's linking columns."""

READABLE = "_readable"
"""A column of `rejected_calls` for dlt only: a row that has it set deletes the row of its key and is not stored."""

DECLARED = {table.name: table for table in (*TABLES.values(), *RECORDS)}
"""Every table of the raw dataset, by name."""

DECLARED_VERSION = sha256(repr(sorted(DECLARED.items())).encode()).hexdigest()[:16]
"""Changes whenever a declared table does."""


def call_key(name: str) -> str:
    """The column of a table of calls that holds the call's id."""
    return TABLES[name].key[0]


def merge_key(name: str) -> tuple[str, ...]:
    """The columns of a table that identify the rows replaced by a newer version of a call or record."""
    table = DECLARED[name]
    return ("call_id",) if table.parent else table.key


def record_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a record table; its key is never NULL."""
    fields = [pa.field(c.name, ARROW_TYPES[c.type], c.name not in table.record_key) for c in table.columns]
    return pa.schema(fields)


def outgoing_schema(table: Table) -> pa.Schema:
    """The same with columns for dlt only."""
    schema = record_schema(table)
    return schema.append(pa.field(READABLE, pa.bool_())) if table is REJECTED_CALLS else schema


def columns_of(table: Table) -> dict[str, Any]:
    """A declared table's columns as dlt's hints, each with its description and privacy class."""
    extra = () if table in RECORDS else (EXTRA,)
    primary_key = table.record_key or (() if table.parent else table.key)
    columns: dict[str, Any] = {
        column.name: {
            "name": column.name,
            "data_type": column.type,
            "nullable": column.name not in primary_key,
            "description": f"{column.description} (privacy: {column.privacy.value})",
            "x-privacy": column.privacy.value,
        }
        for column in (*table.key_columns, *table.columns, *extra)
    }
    columns[LOAD_ID] = {"name": LOAD_ID, "data_type": "text", "nullable": False}
    for key in primary_key:
        columns[key]["primary_key"] = True
    if table is REJECTED_CALLS:
        columns[READABLE] = {"name": READABLE, "data_type": "bool", "nullable": True, "hard_delete": True}
    if table not in RECORDS:
        columns[ROW_ID] = {
            "name": ROW_ID,
            "data_type": "text",
            "nullable": False,
            "unique": True,
            "row_key": True,
        }
    if table.parent:
        columns[PARENT_ID] = {"name": PARENT_ID, "data_type": "text", "nullable": False, "parent_key": True}
        columns[ROOT_ID] = {"name": ROOT_ID, "data_type": "text", "nullable": False, "root_key": True}
        columns[LIST_INDEX] = {"name": LIST_INDEX, "data_type": "bigint", "nullable": False}
    return columns


def linked(name: str, rows: pa.Table, load_id: str) -> pa.Table:
    """Rows of a table of calls with the load's id and dlt's linking columns."""
    table = TABLES[name]
    rows = with_load_id(rows, load_id)
    key = [pc.cast(rows[column], pa.string()) for column in table.key]
    if not table.parent:
        place = rows.schema.get_field_index("id")
        rows = rows.set_column(place, pa.field("id", pa.int64(), False), rows["id"])
        return rows.append_column(pa.field(ROW_ID, pa.string(), False), key[0])
    for column, parts in ((ROW_ID, key), (PARENT_ID, key[:-1]), (ROOT_ID, key[:1])):
        joined = pc.binary_join_element_wise(*parts, "-") if len(parts) > 1 else parts[0]
        rows = rows.append_column(pa.field(column, pa.string(), False), joined)
    return rows.append_column(pa.field(LIST_INDEX, pa.int64(), False), rows["idx"])


def with_load_id(rows: pa.Table, load_id: str) -> pa.Table:
    """Rows with the id of their load."""
    ids = pa.repeat(pa.scalar(load_id, pa.string()), rows.num_rows)
    return rows.append_column(pa.field(LOAD_ID, pa.string(), False), ids)


def declare(schema: dlt.Schema, destination_type: str) -> None:
    """Declare every table, parents first: the contract does not let data add tables. Call this while dlt extracts.

    On Postgres rows are loaded as INSERT statements: dlt's CSV turns an empty text into NULL, and its loader of Parquet
    files fails on an empty file (dlt 1.31).

    When rows are yielded for a nested table, dlt looks for the table's `resource`, which its schema does not allow for a
    nested table (`Extract._compute_metrics`, dlt 1.31). See `_NestedTable`.
    """
    file_format = {"file_format": "insert_values"} if destination_type == "dlt.destinations.postgres" else {}
    for table in (TABLES["calls"], *RECORDS):
        root: Any = {
            "name": table.name,
            "columns": columns_of(table),
            "resource": table.name,
            "write_disposition": "merge",
            **file_format,
        }
        schema.update_table(root)
    for name, table in TABLES.items():
        if table.parent:
            nested: Any = {"name": name, "parent": table.parent, "columns": columns_of(table), **file_format}
            schema.update_table(nested)
            schema.tables[name] = _NestedTable(schema.tables[name])


class _NestedTable(dict[str, Any]):
    """A nested table's schema that returns `calls` as its resource without storing it."""

    def __init__(self, table: TTableSchema) -> None:
        super().__init__(table)

    def __missing__(self, key: str) -> str:
        if key == "resource":
            return "calls"
        raise KeyError(key)
