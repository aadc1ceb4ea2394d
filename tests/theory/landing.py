"""Calls of a centre into a raw database, and the marts over it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import orjson

from pipelines.ccaip.parse import Exploder
from simulator.centre import Centre
from tests.marts import dbt_raw

_LOAD_ID = "theory"
_CALLS_AT_ONCE = 5_000


def land(path: Path, centre: Centre) -> None:
    """Land every call as the API shows it when all is over: read as any load reads them."""
    dbt_raw.create_raw(path)
    over = centre.last_change
    ids = centre.call_ids()
    exploder = Exploder()
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for first in range(0, len(ids), _CALLS_AT_ONCE):
            bodies = [
                orjson.dumps(centre.body(call_id, over)) for call_id in ids[first : first + _CALLS_AT_ONCE]
            ]
            exploded = exploder.explode(bodies)
            assert not exploded.rejected
            for name, rows in exploded.tables.items():
                connection.register("rows", rows)
                connection.execute(
                    f"insert into ccaip.{name} by name select *, '{_LOAD_ID}' as _dlt_load_id from rows"
                )
        connection.execute("insert into ccaip._dlt_loads values (?, 'ccaip', 0, now(), '')", [_LOAD_ID])
    exploder.close()
