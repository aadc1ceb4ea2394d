"""Takes a warehouse that an older callmart made over to today's types of columns.

New tables and new columns dlt adds by itself. Of a column whose declared type has changed it only notes
the new type: the column stays as it was made, and no call with a value there would ever land.
"""

from __future__ import annotations

import duckdb

from pipelines.ccaip.parse_sql import quoted
from pipelines.ccaip.privacy.policy import declared_columns
from pipelines.ccaip.schema import NAME
from pipelines.ccaip.tables import ColumnType
from pipelines.errors import CallmartError

_STORED: dict[ColumnType, str] = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "json": "JSON",
}
"""The type of a column in the warehouse, by the one it is declared with."""

_WITHOUT_LOSS = {("BIGINT", "VARCHAR")}  # 5 becomes "5", which is what a 5 lands as from then on


def migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Give raw columns their declared types where that loses nothing.

    Raises `CallmartError`, with the warehouse as it was, when another type has changed.
    """
    query = "select table_name, column_name, data_type from duckdb_columns() where schema_name = ?"
    found = connection.execute(query, [NAME]).fetchall()
    declared = {place: _STORED[column.type] for place, column in declared_columns().items()}
    changed = [
        (table, name, stored, wanted)
        for table, name, stored in found
        if (wanted := declared.get((table, name), stored)) != stored
    ]
    refused = [
        f"{table}.{name} ({stored}, now {wanted})"
        for table, name, stored, wanted in changed
        if (stored, wanted) not in _WITHOUT_LOSS
    ]
    if refused:
        raise CallmartError(
            f"The warehouse was made by another callmart; types have changed: {', '.join(refused)}.",
            "Go on with the callmart that made it. Or move the file away and run `callmart load`, which makes a new one "
            "and loads everything again; people who were forgotten are then to be forgotten again.",
        )
    for table, name, _, wanted in changed:
        connection.execute(f"alter table {NAME}.{quoted(table)} alter column {quoted(name)} type {wanted}")
