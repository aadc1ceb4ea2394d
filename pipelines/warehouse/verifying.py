"""Whether a chunk is in the warehouse as it was sent: looked at there, in every table.

Nothing is taken for landed because somebody said so. A commit that ran out of memory and was tried
again has reported success and left rows twice, others missing, and columns under other rows' ids, with
the right number of rows in all. So rows are counted, and their contents summed up by a hash.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from pipelines.ccaip.gather import Package
from pipelines.ccaip.schema import LOAD_ID, NAME, merge_key
from pipelines.ccaip.tables import EXTRA, TABLES, Table
from pipelines.warehouse.asking import ask_rows, filled_tables
from pipelines.warehouse.ledger import Landed
from pipelines.warehouse.sifting import Sifted


def verify(connection: duckdb.DuckDBPyConnection, chunk: Package, sifted: Sifted, load_id: str) -> Landed:
    """Compare, in every table, the rows of the chunk's calls with what was sent."""
    landed = f"(select id from {NAME}.calls where {LOAD_ID} = '{load_id}')"
    query = f'select "window", count(*) from owners semi join {landed} using (id) group by all'
    calls = dict(ask_rows(connection, query, owners=sifted.owners))
    query = 'select "window", count(*), min(updated_at) from owners inner join new using (id) group by all'
    found = ask_rows(connection, query, owners=sifted.owners, new=sifted.new)
    new = {window: (count, oldest) for window, count, oldest in found}
    windows = range(len(chunk.reads))
    return Landed(
        load_id,
        [calls.get(each, 0) for each in windows],
        [new.get(each, (0, None))[0] for each in windows],
        [new.get(each, (0, None))[1] for each in windows],
        _problems(connection, sifted, load_id),
    )


def _problems(connection: duckdb.DuckDBPyConnection, sifted: Sifted, load_id: str) -> list[str]:
    """What is not there as it was sent, table by table."""
    sent = {name: rows for name in TABLES if (rows := sifted.changes[name].rows).num_rows}
    hashes = {
        name: f"sum(hash({_columns(TABLES[name])})::hugeint)" if name in sent else "null" for name in TABLES
    }
    filled = filled_tables(connection)
    there = [
        f"select '{name}', count(*), count(*) filter ({LOAD_ID} = '{load_id}'), {hashes[name]}"
        f" from {NAME}.{name} semi join ids on {name}.{merge_key(name)[0]} = ids.id"
        for name in TABLES
        if name in filled
    ]
    coming = [f"select '{name}', {hashes[name]} from {name}" for name in sent]
    expected = dict(_answers(connection, coming, **sent))
    found = {name: rest for name, *rest in _answers(connection, there, ids=sifted.owners.select(["id"]))}
    problems = []
    for name in TABLES:
        rows, landed, contents = found.get(name, (0, 0, None))
        count = sent[name].num_rows if name in sent else 0
        if (rows, landed) != (count, count):
            problems.append(f"{name}: {count} rows sent, {landed} landed, {rows} there")
        elif contents != expected.get(name):
            problems.append(f"{name}: {count} rows sent, {count} there, but not the same")
    return problems


def _answers(
    connection: duckdb.DuckDBPyConnection, queries: list[str], **registered: pa.Table
) -> list[tuple[Any, ...]]:
    return ask_rows(connection, " union all ".join(queries), **registered) if queries else []


def _columns(table: Table) -> str:
    """A table's columns, as SQL that reads the same from Arrow and from the warehouse."""
    columns = (*table.key_columns, *table.columns, EXTRA)
    return ", ".join(f"{c.name}::varchar" if c.type == "json" else c.name for c in columns)
