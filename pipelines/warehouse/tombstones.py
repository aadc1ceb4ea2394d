"""Which tombstones of a chunk have something to delete.

A call whose array is empty leaves a tombstone in that table, for an earlier version may have had rows
there. Mostly none has: most calls are new, and most arrays are always empty. Landing those marks cost
more than landing the calls, so here each table is asked, just before a chunk lands, which of its calls
it knows.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.explode import DELETED
from pipelines.ccaip.source import NAME, merge_key


def only_needed(connection: duckdb.DuckDBPyConnection, tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The chunk's tables without tombstones for calls of which the warehouse's table has no row.

    A table that has nothing left to land is left out, once it exists in the warehouse; `calls` never is.
    """
    found = connection.execute(
        "select table_name from duckdb_tables() where schema_name = ?", [NAME]
    ).fetchall()
    existing = {name for (name,) in found}
    kept = {}
    for name, rows in tables.items():
        landing = _trimmed(connection, name, rows) if name in existing else rows.filter(_living(rows))
        if landing.num_rows or name not in existing or name == "calls":
            kept[name] = landing
    return kept


def _trimmed(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> pa.Table:
    living = _living(rows)
    key = merge_key(name)
    marked = rows.filter(pc.invert(living)).select([key])
    if not marked.num_rows:
        return rows
    connection.register("marked", marked)
    known = connection.execute(
        f"select distinct {key} from {NAME}.{name} semi join marked using ({key})"
    ).to_arrow_table()
    connection.unregister("marked")
    return rows.filter(pc.or_(living, pc.is_in(rows[key], known[key].combine_chunks())))


def _living(rows: pa.Table) -> pa.ChunkedArray:
    """Which rows are no tombstones."""
    return pc.is_null(rows[DELETED])
