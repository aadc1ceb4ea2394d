"""Query Arrow tables with an in-memory DuckDB."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa


def ask(connection: duckdb.DuckDBPyConnection, query: str, **registered: pa.Table) -> pa.Table:
    """The result of a query that can use the `registered` tables by name."""
    for name, table in registered.items():
        connection.register(name, table)
    try:
        return connection.execute(query).to_arrow_table()
    finally:
        for name in registered:
            connection.unregister(name)


def ask_rows(
    connection: duckdb.DuckDBPyConnection, query: str, **registered: pa.Table
) -> list[tuple[Any, ...]]:
    """The same, as tuples."""
    answer = ask(connection, query, **registered)
    return list(zip(*(column.to_pylist() for column in answer.columns), strict=True))
