"""Which rows of a chunk are worth landing, decided just before it lands.

- **No version older than the warehouse's.** Another machine, a backfill and a scheduled load may take
  turns, and the API may answer from a copy that lags: what is there already and newer stays. A call
  that was asked for by its id lands whatever the warehouse has.
- **No tombstone without a row to delete.** A call whose array is empty leaves a tombstone in that
  table, for an earlier version may have had rows there. Mostly none has: most calls are new, and most
  arrays are always empty. Landing all those marks cost more than landing the calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.explode import DELETED
from pipelines.ccaip.gather import Chunk
from pipelines.ccaip.source import NAME, merge_key, record_schema
from pipelines.ccaip.tables import RECORDS, REJECTED_CALLS, TABLES
from pipelines.warehouse.asking import ask, existing_tables
from pipelines.warehouse.rejected import count_attempts


@dataclass(frozen=True, slots=True)
class Sifted:
    """What lands of a chunk. `owners` are its calls and their windows, `new` the ids among them that
    the warehouse does not have in this version.
    """

    tables: dict[str, pa.Table]
    owners: pa.Table
    new: pa.Table

    def living(self) -> dict[str, pa.Table]:
        """The rows that are to be there when it has landed, by table."""
        return {name: rows.filter(_living(rows)) for name, rows in self.tables.items()}


def sift(connection: duckdb.DuckDBPyConnection, chunk: Chunk, horizon: datetime) -> Sifted:
    """The rows that are worth landing.

    `horizon` (UTC) is the server's clock and a little more: a call that the warehouse has with a later
    date than that is misdated, and gives way to any version.
    """
    existing = existing_tables(connection)
    known = _known(connection, chunk.tables["calls"], existing)
    tables, owners = dict(chunk.tables), chunk.owners
    older = pc.and_(pc.greater(known["had"], known["updated_at"]), pc.less_equal(known["had"], horizon))
    ids = known.filter(older)["id"]
    if len(ids) and not all(read.window.ids for read in chunk.reads):
        owners = _without(owners, "id", ids)
        for name in TABLES:
            (key,) = merge_key(name)
            tables[name] = _without(tables[name], key, ids)
    if REJECTED_CALLS.name in existing:
        tables[REJECTED_CALLS.name] = count_attempts(connection, tables[REJECTED_CALLS.name])
    new = known.filter(pc.invert(pc.fill_null(pc.equal(known["had"], known["updated_at"]), False)))
    return Sifted(_worthwhile(connection, tables, existing), owners, new.select(["id"]))


def _known(connection: duckdb.DuckDBPyConnection, calls: pa.Table, existing: set[str]) -> pa.Table:
    """Each call's id, `updated_at`, and the `updated_at` the warehouse `had` (null: it had none)."""
    versions = calls.select(["id", "updated_at"])
    if "calls" not in existing:
        return versions.append_column("had", pa.nulls(len(versions), versions["updated_at"].type))
    return ask(
        connection,
        f"select coming.*, calls.updated_at as had from coming left join {NAME}.calls using (id)",
        coming=versions,
    )


def _worthwhile(
    connection: duckdb.DuckDBPyConnection, tables: dict[str, pa.Table], existing: set[str]
) -> dict[str, pa.Table]:
    """The tables without needless tombstones.

    One that has nothing left to land is left out, once it exists in the warehouse; `calls` never is.
    Record tables that do not exist yet come empty: all are there after the first load.
    """
    kept = {
        table.name: record_schema(table).empty_table()
        for table in RECORDS
        if table.name not in existing and table.name not in tables
    }
    for name, rows in tables.items():
        landing = _trimmed(connection, name, rows) if name in existing else rows.filter(_living(rows))
        if landing.num_rows or name not in existing or name == "calls":
            kept[name] = landing
    return kept


def _trimmed(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> pa.Table:
    living = _living(rows)
    (key,) = merge_key(name)
    marked = rows.filter(pc.invert(living)).select([key])
    if not marked.num_rows:
        return rows
    known = ask(
        connection, f"select distinct {key} from {NAME}.{name} semi join marked using ({key})", marked=marked
    )
    return rows.filter(pc.or_(living, pc.is_in(rows[key], known[key].combine_chunks())))


def _without(table: pa.Table, column: str, ids: pa.ChunkedArray) -> pa.Table:
    return table.filter(pc.invert(pc.is_in(table[column], ids.combine_chunks())))


def _living(rows: pa.Table) -> pa.ChunkedArray:
    """Which rows are no tombstones."""
    return pc.is_null(rows[DELETED])
