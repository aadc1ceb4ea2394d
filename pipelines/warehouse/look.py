"""Looking at tables that a warehouse may not have yet: before the first load, or made by an older callmart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Inspector, TableClause, column, func, inspect, select, table
from sqlalchemy.engine.reflection import ObjectKind

from pipelines.ccaip.windows import Cursor

RAW_SCHEMA = "ccaip"
_STATES = table(
    "_dlt_pipeline_state",
    *(column(name) for name in ("pipeline_name", "version", "created_at", "state")),
    schema=RAW_SCHEMA,
)


class Look:
    """A look at the warehouse through `connection`, for as long as that is open."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._inspector: Inspector = inspect(connection)
        self._schemas: dict[str, dict[str, TableClause]] = {}

    def tables(self, schema: str) -> list[str]:
        """Names of tables and views in `schema`, sorted."""
        return sorted(self._relations(schema))

    def relation(self, name: str, schema: str = RAW_SCHEMA) -> TableClause | None:
        """The table with the columns it really has; None when it is not there."""
        return self._relations(schema).get(name)

    def _relations(self, schema: str) -> dict[str, TableClause]:
        """All tables and views of a schema. Asked for at once: one by one they take a tenth of a second each."""
        if schema not in self._schemas:
            found = self._inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY)
            self._schemas[schema] = {
                name: table(name, *(column(each["name"], each["type"]) for each in columns), schema=schema)
                for (_, name), columns in found.items()
            }
        return self._schemas[schema]

    def count(self, relation: TableClause, *conditions: Any) -> int:
        """How many rows of it meet all the conditions."""
        query = select(func.count()).select_from(relation).where(*conditions)
        return self.connection.execute(query).scalar_one()

    def cursor(self) -> Cursor | None:
        """How far the scheduled load has come, by dlt's state as it landed."""
        # asked for by name: to look up the columns of everything takes a tenth of a second
        if not self._inspector.has_table(_STATES.name, schema=RAW_SCHEMA):
            return None
        newest = (
            select(_STATES.c.state)
            .where(_STATES.c.pipeline_name == RAW_SCHEMA)
            .order_by(_STATES.c.version.desc(), _STATES.c.created_at.desc())
            .limit(1)
        )
        state = self.connection.execute(newest).scalar()
        if state is None:
            return None
        from dlt.common.versioned_state import decompress_state  # takes a second, and is rarely needed

        return Cursor.in_state(decompress_state(state).get("sources", {}).get(RAW_SCHEMA, {}))


def utc(instant: datetime | None) -> datetime | None:
    """The instant in UTC, which it is taken to be in when it does not say."""
    if instant is None:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
