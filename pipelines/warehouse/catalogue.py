"""What the warehouse says of its own columns: each has its description and privacy class as a comment.

Whoever opens the file with a SQL client sees there what may be shown to whom, without this repository.
"""

from __future__ import annotations

import duckdb

from pipelines.ccaip.parse_sql import literal, quoted
from pipelines.ccaip.privacy.policy import declared_columns
from pipelines.ccaip.schema import NAME
from pipelines.ccaip.tables import Column


def describe(connection: duckdb.DuckDBPyConnection) -> int:
    """Write the comments that are missing or out of date on raw columns; how many there were."""
    query = (
        "select table_name, column_name, coalesce(comment, '') from duckdb_columns() where schema_name = ?"
    )
    found = connection.execute(query, [NAME]).fetchall()
    declared = declared_columns()
    wanted = [
        (table, name, said)
        for table, name, comment in found
        if (table, name) in declared and (said := _comment(declared[table, name])) != comment
    ]
    if wanted:
        statements = (
            f"comment on column {NAME}.{quoted(table)}.{quoted(name)} is {literal(said)};"
            for table, name, said in wanted
        )
        connection.execute("begin;" + "".join(statements) + "commit;")
    return len(wanted)


def _comment(column: Column) -> str:
    return f"{column.description} (privacy: {column.privacy.value})"
