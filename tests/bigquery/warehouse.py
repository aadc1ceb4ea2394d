"""The raw rows of a DuckDB file in BigQuery, dbt on them, and the cells of a relation."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.home import Home
from pipelines.marts.dbt_runner import PROJECT_DIR, clean_environment, dbt_variables, started
from tests.bigquery.emulator import BigQuery

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


def copy_raw(database: Path, warehouse: BigQuery) -> None:
    """The raw rows of a DuckDB file, in tables as dlt makes them on BigQuery; what was there is replaced."""
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
            if not warehouse.endpoint:
                replacing = LoadJobConfig(schema=fields, write_disposition="WRITE_TRUNCATE")
                client.load_table_from_json(rows, table, job_config=replacing).result()
                continue
            # an emulator's load jobs fail for some types
            client.create_table(table)
            for start in range(0, len(rows), _ROWS_OF_A_REQUEST):
                refused = client.insert_rows_json(table, rows[start : start + _ROWS_OF_A_REQUEST])
                assert not refused, refused


def _sent(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, datetime) else cell


def dbt(warehouse: BigQuery, home: Home, zone: str, command: str, *options: str) -> dict[str, str]:
    """A dbt command on BigQuery; how each node ended. Fails with dbt's messages when one did not."""
    folder = home.dbt_target_dir
    folder.mkdir(parents=True, exist_ok=True)
    words = [
        *("--partial-parse", "--log-level-file", "none", command, *options),
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(folder), "--log-path", str(home.dbt_log_dir)),
        *("--threads", "1", "--vars", json.dumps(dbt_variables(zone))),
    ]
    environment = clean_environment() | warehouse.environment
    with started("dbt", words, folder, environment, subprocess.PIPE) as process:
        said, _ = process.communicate()
    assert (folder / "run_results.json").exists(), said
    results = json.loads((folder / "run_results.json").read_text())["results"]
    failed = [
        f"{each['unique_id']}: {str(each['message'])[:1000]}"
        for each in results
        if each["status"] not in _SUCCEEDED
    ]
    assert not failed, "\n".join(failed)
    assert process.returncode == 0, said
    return {each["unique_id"]: each["status"] for each in results}


def rows(warehouse: BigQuery, relation: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """All rows of a relation."""
    query = f"select {', '.join(columns)} from {relation}"
    return [tuple(row[column] for column in columns) for row in warehouse.client().query(query).result()]
