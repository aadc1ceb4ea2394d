"""Questions to the warehouse on the writing connection, with Arrow tables at hand."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from pipelines.ccaip.schema import NAME


def ask(connection: duckdb.DuckDBPyConnection, query: str, **registered: pa.Table) -> pa.Table:
    """The answer to a query in which `registered` tables stand under their names."""
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


def existing_tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Names of the tables of the raw dataset."""
    return _tables(connection, "true")


def filled_tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Names of those that have rows, or had some; what the transaction at hand has written does not count."""
    return _tables(connection, "estimated_size > 0")


def _tables(connection: duckdb.DuckDBPyConnection, condition: str) -> set[str]:
    query = f"select table_name from duckdb_tables() where schema_name = '{NAME}' and {condition}"
    return {name for (name,) in ask_rows(connection, query)}
