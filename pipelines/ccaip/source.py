"""The declared tables as dlt knows them: names, types, privacy classes, and what a row is replaced by.

    pipelines.ccaip.tables → dlt's schema → tables of the raw dataset

dlt makes and widens the tables (`pipelines.warehouse.dlt_pipeline`); the rows themselves are merged by
callmart (`pipelines.warehouse.merging`).
"""

from __future__ import annotations

from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.common.schema.utils import new_table

from pipelines.ccaip.parse import ARROW_TYPES
from pipelines.ccaip.tables import EXTRA, RECORDS, TABLES, Table

NAME = "ccaip"
"""The name of the source, of its schema and of the raw dataset."""

LOAD_ID = "_dlt_load_id"
"""The column that says which load brought a row."""

DECLARED = {table.name: table for table in (*TABLES.values(), *RECORDS)}
"""Every table of the raw dataset, by name."""


def merge_key(name: str) -> tuple[str, ...]:
    """The columns of a table that say which rows a newer version of a call, or record, replaces."""
    table = DECLARED[name]
    return ("call_id",) if table.parent else table.key


def record_schema(table: Table) -> pa.Schema:
    """The Arrow schema of a record table as it is landed."""
    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in table.columns])


def declared_schema() -> dlt.Schema:
    """The declared tables as dlt's schema, each column with its privacy class."""
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
