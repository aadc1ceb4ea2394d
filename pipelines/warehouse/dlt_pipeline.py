"""What dlt keeps in the warehouse: the tables it made, the loads that are complete, and the cursor in its state.

    opened    where the stored schema is not the declared one, columns get their declared types, and dlt makes
              tables and columns that are new
    a chunk   one load: its id, its row in `_dlt_loads`, and the state with the cursor, in the chunk's transaction

So the warehouse is a dlt dataset like any other (`dlt pipeline ccaip sync` takes it over), and a load is
complete, for dlt too, exactly when its rows are there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.schema.typing import LOADS_TABLE_NAME, PIPELINE_STATE_TABLE_NAME, VERSION_TABLE_NAME
from dlt.common.schema.utils import pipeline_state_table
from dlt.common.storages.load_package import create_load_id
from dlt.common.utils import uniq_id
from dlt.common.versioned_state import decompress_state
from dlt.pipeline.state_sync import (
    bump_pipeline_state_version_if_modified,
    default_pipeline_state,
    migrate_state_to_current,
    state_doc,
)

from pipelines.ccaip.schema import NAME, declared_schema
from pipelines.ccaip.windows import Cursor
from pipelines.warehouse.asking import existing_tables
from pipelines.warehouse.migrating import migrate

_COMPLETE = 0  # dlt's status of a load that is over


class DltPipeline:
    """dlt's pipeline over an open warehouse, which has every declared table from then on.

    Raises `CallmartError`, with the warehouse as it was, when a type has changed that cannot be taken over.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, pipelines_dir: Path) -> None:
        self._connection = connection
        if self._stored_schema() != _schema().version_hash:
            migrate(connection)
            _declare(connection, pipelines_dir)
        self._schema_hash = self._stored_schema()
        stored = self._stored_state()
        self._state: Any = stored or _first_state()
        self._landed_state = stored["_version_hash"] if stored else None

    @property
    def cursor(self) -> Cursor | None:
        """How far the scheduled load has come, by the state that landed with the data."""
        return Cursor.in_state(self._state.get("sources", {}).get(NAME, {}))

    def begin_load(self) -> str:
        """The id of a load that begins now; ids grow, and the state of the greatest is the one that counts."""
        return create_load_id()

    def complete_load(self, load_id: str, cursor: Cursor | None) -> None:
        """Write that the load is complete, and `cursor`; without one the cursor stays where it is.

        To be called within the transaction that writes the load's rows. When that fails, this object is
        ahead of the warehouse, and is to be made anew.
        """
        if cursor is not None:
            self._state.setdefault("sources", {}).setdefault(NAME, {}).update(cursor.as_state())
        _, version, _ = bump_pipeline_state_version_if_modified(self._state)
        if version != self._landed_state:
            self._insert(PIPELINE_STATE_TABLE_NAME, **state_doc(self._state, load_id), _dlt_id=uniq_id())
            self._landed_state = version
        self._insert(
            LOADS_TABLE_NAME,
            load_id=load_id,
            schema_name=NAME,
            status=_COMPLETE,
            inserted_at=datetime.now(UTC),
            schema_version_hash=self._schema_hash,
        )

    def _stored_schema(self) -> str | None:
        """The hash of the schema that the warehouse was made by; None before there is one."""
        if VERSION_TABLE_NAME not in existing_tables(self._connection):
            return None
        newest = (
            f"select version_hash from {NAME}.{VERSION_TABLE_NAME} where schema_name = ?"
            " order by inserted_at desc limit 1"
        )
        found = self._connection.execute(newest, [NAME]).fetchone()
        return found[0] if found else None

    def _stored_state(self) -> dict[str, Any] | None:
        """The state of the newest complete load; None before there is one."""
        newest = (
            f"select state from {NAME}.{PIPELINE_STATE_TABLE_NAME}"
            f" semi join (from {NAME}.{LOADS_TABLE_NAME} where status = {_COMPLETE}) on _dlt_load_id = load_id"
            " where pipeline_name = ? order by _dlt_load_id desc limit 1"
        )
        found = self._connection.execute(newest, [NAME]).fetchone()
        if not found:
            return None
        return {**migrate_state_to_current(NAME, decompress_state(found[0])), "_local": {}}

    def _insert(self, table: str, **row: object) -> None:
        columns, places = ", ".join(row), ", ".join("?" * len(row))
        self._connection.execute(f"insert into {NAME}.{table} ({columns}) values ({places})", [*row.values()])


def _declare(connection: duckdb.DuckDBPyConnection, pipelines_dir: Path) -> None:
    """Make what is declared and not there yet. What the warehouse has besides stays."""
    pipeline = dlt.pipeline(
        NAME,
        destination=dlt.destinations.duckdb(connection),
        dataset_name=NAME,
        pipelines_dir=str(pipelines_dir),
    )
    pipeline.sync_destination()
    schema = pipeline.default_schema if NAME in pipeline.schema_names else dlt.Schema(NAME)
    schema.update_schema(_schema())
    pipeline.schemas.save_schema(schema)
    pipeline.sync_schema(NAME)


@cache
def _schema() -> dlt.Schema:
    """The declared tables, and dlt's own table of states. Not to be changed."""
    schema = declared_schema()
    schema.update_table(pipeline_state_table(add_dlt_id=True))
    return schema


def _first_state() -> dict[str, Any]:
    """The state of a pipeline that has not loaded anything."""
    return {
        **default_pipeline_state(),
        "pipeline_name": NAME,
        "dataset_name": NAME,
        "schema_names": [NAME],
        "default_schema_name": NAME,
        "destination_type": "dlt.destinations.duckdb",
        "destination_name": None,
        "_local": {},
    }
