"""What the SQL that dbt ran on BigQuery says: whether it is BigQuery's, and which parts of a table it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp

VIEWS = {"int_calls_placed": "local_date"}
"""Views that pass a partition's column of one table on, by which BigQuery then skips parts of that table."""


def partitions(nodes: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The relations that BigQuery keeps in parts, with the column of the parts, from the nodes of dbt's manifest."""
    found = {node["name"]: (node["config"].get("partition_by") or {}).get("field") for node in nodes}
    return {name: column for name, column in found.items() if column} | VIEWS


def not_bigquery(folder: Path) -> Iterator[str]:
    """The statements below `folder` that sqlglot's BigQuery dialect cannot read, or reads as a bare command."""
    for file in sorted(folder.rglob("*.sql")):
        try:
            statements = sqlglot.parse(file.read_text(), dialect="bigquery")
        except sqlglot.errors.ParseError as error:
            yield f"{file.name}: {error}"
            continue
        for statement in statements:
            if statement is not None and (command := statement.find(exp.Command)):
                yield f"{file.name}: {command.sql()[:200]}"


def limited_to_days(sql: str) -> bool:
    """Whether a compiled model computes some days and not all of them."""
    return "between date '" in sql or "00:00:00+00:00' as timestamp)" in sql


def scans_of_whole_tables(sql: str, partitioned: Mapping[str, str]) -> Iterator[str]:
    """The queries, and the deletes, of a partitioned table that literals or a script's variable do not limit."""
    for statement in sqlglot.parse(sql, dialect="bigquery"):
        for scan in statement.find_all(exp.Table) if statement else ():
            column = partitioned.get(scan.name)
            reading = scan.find_ancestor(exp.Select, exp.Delete)
            if column is None or reading is None:
                continue
            where = reading.args.get("where")
            if where is None or not any(
                each.name == column and isinstance(each.parent, exp.Between | exp.In | exp.GTE)
                for each in where.find_all(exp.Column)
            ):
                yield f"{scan.name}: {reading.sql(dialect='bigquery')[:300]}"


def deletes_of_whole_tables(sql: str, partitioned: Mapping[str, str]) -> Iterator[str]:
    """The same of a script's deletes alone: what else a script reads is the columns by which it finds what to change."""
    for statement in sqlglot.parse(sql, dialect="bigquery"):
        if isinstance(statement, exp.Delete):
            yield from scans_of_whole_tables(statement.sql(dialect="bigquery"), partitioned)
