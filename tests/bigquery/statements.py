"""What the SQL that dbt ran on BigQuery says: whether it is BigQuery's, and which parts of a table it reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlglot
from sqlglot import exp

PARTITIONED_BY = {
    "fct_calls": "local_date",
    "fct_handled_segments": "local_date",
    "fct_queue_segments": "local_date",
    "fct_transfers": "local_date",
    "fct_virtual_agent_sessions": "local_date",
    "int_agent_sightings": "local_date",
    "int_agent_work": "local_date",
    "int_queue_intervals_reported": "local_date",
    "agg_agent_days": "local_date",
    "agg_queue_intervals": "interval_start_at",
}
"""The tables that increments read, with the column of their partitions."""


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


def scans_of_whole_tables(sql: str) -> Iterator[str]:
    """The queries, and the deletes, of a partitioned table that literals or a script's variable do not limit."""
    for statement in sqlglot.parse(sql, dialect="bigquery"):
        for scan in statement.find_all(exp.Table) if statement else ():
            column = PARTITIONED_BY.get(scan.name)
            reading = scan.find_ancestor(exp.Select, exp.Delete)
            if column is None or reading is None:
                continue
            where = reading.args.get("where")
            if where is None or not any(
                each.name == column and isinstance(each.parent, exp.Between | exp.In | exp.GTE)
                for each in where.find_all(exp.Column)
            ):
                yield f"{scan.name}: {reading.sql(dialect='bigquery')[:300]}"


def deletes_of_whole_tables(sql: str) -> Iterator[str]:
    """The same of a script's deletes alone: what else a script reads is the columns by which it finds what to change."""
    for statement in sqlglot.parse(sql, dialect="bigquery"):
        if isinstance(statement, exp.Delete):
            yield from scans_of_whole_tables(statement.sql(dialect="bigquery"))
