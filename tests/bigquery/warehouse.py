"""The raw rows of a DuckDB file in BigQuery, dbt on them, and the cells of a relation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.home import Home
from pipelines.marts.dbt_runner import dbt_variables
from tests.bigquery.emulator import BigQuery
from tests.marts.workshop import invoke

TYPES = {
    "VARCHAR": "STRING",
    "BIGINT": "INT64",
    "DOUBLE": "FLOAT64",
    "BOOLEAN": "BOOL",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "JSON": "JSON",
}
"""What dlt makes of its types on BigQuery, by what it makes of them on DuckDB."""
_SUCCEEDED = ("success", "pass", "warn")
_ROWS_OF_A_REQUEST = 500
_QUERIES_OF_A_TABLE = 5
_QUERIES_AT_ONCE = 10


Rows = list[dict[str, Any]]


def copy_raw(database: Path, warehouse: BigQuery, there: dict[str, Rows]) -> None:
    """The raw rows of a DuckDB file, in tables as dlt makes them on BigQuery. `there` are those that were copied before:
    a table that has not changed is left as it is, another is replaced.
    """
    from google.cloud.bigquery import LoadJobConfig, SchemaField, Table

    client = warehouse.client()
    client.create_dataset("ccaip", exists_ok=True)
    with duckdb.connect(str(database), read_only=True) as source:
        source.execute("set TimeZone = 'UTC'")
        columns = source.execute(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_schema = 'ccaip' order by table_name, ordinal_position"
        ).fetchall()
        for name in sorted({table for table, _, _ in columns}):
            fields = [SchemaField(each, TYPES[kind]) for owner, each, kind in columns if owner == name]
            table = Table(f"{warehouse.project}.ccaip.{name}", fields)
            cells = source.execute(f"select * from ccaip.{name}").fetchall()
            rows = [
                {field.name: _sent(cell) for field, cell in zip(fields, row, strict=True) if cell is not None}
                for row in cells
            ]
            if there.get(name) == rows:
                continue
            was_there, there[name] = name in there, rows
            if not warehouse.endpoint:
                replacing = LoadJobConfig(schema=fields, write_disposition="WRITE_TRUNCATE")
                client.load_table_from_json(rows, table, job_config=replacing).result()
                continue
            # an emulator's load jobs fail for some types
            if was_there:
                client.query(f"delete from ccaip.{name} where true").result()
            else:
                client.create_table(table)
            for start in range(0, len(rows), _ROWS_OF_A_REQUEST):
                refused = client.insert_rows_json(table, rows[start : start + _ROWS_OF_A_REQUEST])
                assert not refused, refused


def _sent(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, datetime) else cell


def dbt(warehouse: BigQuery, home: Home, zone: str, command: str, *options: str) -> dict[str, str]:
    """A dbt command on BigQuery; how each node ended. Fails with dbt's messages when one did not.

    An emulator is started anew between nodes, before the results that it keeps make it slow.
    """
    queries = 0

    def seen(event: Any) -> None:
        nonlocal queries
        if event.info.name == "NodeFinished" and event.data.node_info.materialized != "view":
            queries += 1 if event.data.node_info.resource_type in ("test", "seed") else _QUERIES_OF_A_TABLE
        if queries >= _QUERIES_AT_ONCE:
            queries = 0
            warehouse.restart()

    outcome = invoke(
        warehouse.environment,
        home.dbt_target_dir.parent,
        dict(dbt_variables(zone)),
        *("--partial-parse", command, *options),
        seen=seen,
    )
    results = getattr(outcome.result, "results", ())
    failed = [
        f"{each.node.unique_id}: {str(each.message)[:1000]}"
        for each in results
        if each.status not in _SUCCEEDED
    ]
    assert not failed, "\n".join(failed)
    assert outcome.success, outcome.exception
    return {each.node.unique_id: str(each.status) for each in results}


def rows(warehouse: BigQuery, relation: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """All rows of a table, read without a query."""
    client = warehouse.client()
    table = client.get_table(f"{warehouse.project}.{relation}")
    return [tuple(row[column] for column in columns) for row in client.list_rows(table)]
