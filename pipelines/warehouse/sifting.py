"""Which rows of a chunk are worth landing, decided just before it lands: no version older than the warehouse's.

Another machine, a backfill and a scheduled load may take turns, and the API may answer from a copy that
lags: what is there already and newer stays. A call that was asked for by its id lands whatever the
warehouse has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ccaip.gather import Package
from pipelines.ccaip.schema import NAME, merge_key
from pipelines.ccaip.tables import REJECTED_CALLS, TABLES
from pipelines.warehouse.asking import ask
from pipelines.warehouse.merging import Change


@dataclass(frozen=True, slots=True)
class Sifted:
    """What lands of a chunk. `owners` are its calls and their windows, `new` the ids among them that
    the warehouse does not have in this version, and the version's `updated_at`.
    """

    changes: Mapping[str, Change]
    owners: pa.Table
    new: pa.Table


def sift(connection: duckdb.DuckDBPyConnection, chunk: Package, horizon: datetime) -> Sifted:
    """The rows that are worth landing.

    `horizon` (UTC) is the server's clock and a little more: a call that the warehouse has with a later
    date than that is misdated, and gives way to any version.
    """
    known = _known(connection, chunk.tables["calls"])
    tables, owners = dict(chunk.tables), chunk.owners
    older = pc.and_(pc.greater(known["had"], known["updated_at"]), pc.less_equal(known["had"], horizon))
    ids = known.filter(older)["id"]
    if len(ids) and not all(read.window.ids for read in chunk.reads):
        owners = _without(owners, "id", ids)
        for name in TABLES:
            (key,) = merge_key(name)
            tables[name] = _without(tables[name], key, ids)
    new = known.filter(pc.invert(pc.fill_null(pc.equal(known["had"], known["updated_at"]), False)))
    calls = pa.chunked_array([*owners["id"].chunks, *chunk.removed.chunks], pa.int64())
    gone = pa.table({"call_id": calls})
    changes = {name: Change(tables[name], gone) for name in TABLES}
    rejected = chunk.tables[REJECTED_CALLS.name]
    keys = pa.chunked_array([*chunk.readable.chunks, *rejected["call_key"].chunks], pa.string())
    changes[REJECTED_CALLS.name] = Change(rejected, pa.table({"call_key": keys}))
    return Sifted(changes, owners, new.select(["id", "updated_at"]))


def _known(connection: duckdb.DuckDBPyConnection, calls: pa.Table) -> pa.Table:
    """Each call's id, `updated_at`, and the `updated_at` the warehouse `had` (null: it had none)."""
    versions = calls.select(["id", "updated_at"])
    return ask(
        connection,
        f"select coming.*, calls.updated_at as had from coming left join {NAME}.calls using (id)",
        coming=versions,
    )


def _without(table: pa.Table, column: str, ids: pa.ChunkedArray) -> pa.Table:
    return table.filter(pc.invert(pc.is_in(table[column], ids.combine_chunks())))
