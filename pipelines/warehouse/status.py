"""What landed, how fresh it is, and what is still to come: `callmart status`, and its `--json`.

Reads the warehouse through SQLAlchemy and dlt's working folder from disk; changes neither, and works when
either is missing. All instants are UTC. A scheduler can watch `fresh.tail_until` and `pending`.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Inspector, TableClause, column, func, inspect, select, table

from pipelines.ccaip.tables import REJECTED_CALLS, TABLES
from pipelines.home import REPOSITORY, Home
from pipelines.settings import Settings
from pipelines.warehouse.engine import reading

PIPELINE = "ccaip"
RAW_SCHEMA = "ccaip"
MARTS_SCHEMA = "marts"
_CALL_STATUSES = REPOSITORY / "dbt_project" / "seeds" / "call_statuses.csv"
_EXTRAS_LOOKED_AT = 10_000  # rows whose unknown keys are named; all rows that have some are counted


@dataclass
class Landed:
    """Rows per raw table, and calls by whether their status is one that a call ends in."""

    rows: dict[str, int] = field(default_factory=dict)
    calls_final: int = 0
    calls_not_final: int = 0


@dataclass
class Fresh:
    """`tail_until`: everything that changed up to this instant has been asked for."""

    newest_updated_at: datetime | None = None
    tail_until: datetime | None = None
    last_load_id: str | None = None
    last_load_at: datetime | None = None


@dataclass
class Pending:
    """What waits: packages for the next load, calls for the next transform, and oddities for a person.

    `unknown_keys` counts, by `table.key`, the rows among the first 10,000 with unknown keys;
    `rows_with_unknown_keys` counts all. `calls_since_transform` is None before the first transform.
    """

    load_packages: int = 0
    calls_since_transform: int | None = None
    rejected_calls: int = 0
    rows_with_unknown_keys: int = 0
    unknown_keys: dict[str, int] = field(default_factory=dict)


@dataclass
class Status:
    """The state of one home and its warehouse. `marts` are rows per table built by dbt."""

    home: Path
    warehouse: Path
    exists: bool
    landed: Landed = field(default_factory=Landed)
    fresh: Fresh = field(default_factory=Fresh)
    pending: Pending = field(default_factory=Pending)
    marts: dict[str, int] = field(default_factory=dict)


def read_status(home: Home, settings: Settings) -> Status:
    """The status now. Raises `LockedError` while another process writes the warehouse."""
    status = Status(home.root, settings.warehouse, settings.warehouse.exists())
    status.pending.load_packages = _pending_packages(home)
    if not status.exists:
        return status
    with reading(settings.warehouse) as connection:
        look = _Look(connection)
        status.landed = _landed(look)
        status.fresh = _fresh(look)
        _fill_pending(status.pending, look)
        status.marts = {
            relation.name: look.count(relation)
            for name in look.tables(MARTS_SCHEMA)
            if (relation := look.relation(name, MARTS_SCHEMA)) is not None
        }
    return status


# --- looking --------------------------------------------------------------------------------------


class _Look:
    """Tables of a warehouse that may not have them yet."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._inspector: Inspector = inspect(connection)

    def tables(self, schema: str) -> list[str]:
        """Names of tables and views in `schema`, sorted."""
        names = self._inspector.get_table_names(schema=schema) + self._inspector.get_view_names(schema=schema)
        return sorted(set(names))

    def relation(self, name: str, schema: str = RAW_SCHEMA) -> TableClause | None:
        """The table with the columns it really has; None when it is not there."""
        if name not in self.tables(schema):
            return None
        columns = (
            column(found["name"], found["type"]) for found in self._inspector.get_columns(name, schema=schema)
        )
        return table(name, *columns, schema=schema)

    def count(self, relation: TableClause, *conditions: Any) -> int:
        query = select(func.count()).select_from(relation).where(*conditions)
        return self.connection.execute(query).scalar_one()


def _landed(look: _Look) -> Landed:
    landed = Landed()
    for name in (*TABLES, REJECTED_CALLS.name):
        if (relation := look.relation(name)) is not None:
            landed.rows[name] = look.count(relation)
    if (calls := look.relation("calls")) is not None:
        by_status = look.connection.execute(select(calls.c.status, func.count()).group_by(calls.c.status))
        for call_status, count in by_status:
            if call_status in _final_statuses():
                landed.calls_final += count
            else:
                landed.calls_not_final += count
    return landed


@cache
def _final_statuses() -> frozenset[str]:
    """The statuses a call ends in, from the seed that the marts use too."""
    with _CALL_STATUSES.open(newline="") as lines:
        return frozenset(row["status"] for row in csv.DictReader(lines) if row["is_final"] == "true")


def _fresh(look: _Look) -> Fresh:
    fresh = Fresh(tail_until=_tail_until(look))
    if (calls := look.relation("calls")) is not None:
        newest = look.connection.execute(select(func.max(calls.c.updated_at))).scalar()
        fresh.newest_updated_at = _utc(newest)
    if (loads := look.relation("_dlt_loads")) is not None:
        last = (
            select(loads.c.load_id, loads.c.inserted_at)
            .where(loads.c.status == 0)
            .order_by(loads.c.inserted_at.desc())
        )
        if row := look.connection.execute(last).first():
            fresh.last_load_id, fresh.last_load_at = row[0], _utc(row[1])
    return fresh


def _tail_until(look: _Look) -> datetime | None:
    """The cursor, from the copy of dlt's state that landed with the data."""
    states = look.relation("_dlt_pipeline_state")
    if states is None:
        return None
    newest = (
        select(states.c.state)
        .where(states.c.pipeline_name == PIPELINE)
        .order_by(states.c.version.desc(), states.c.created_at.desc())
    )
    row = look.connection.execute(newest).first()
    if row is None:
        return None
    from dlt.common.versioned_state import decompress_state

    sources = decompress_state(row[0]).get("sources", {})
    text = sources.get(PIPELINE, {}).get("tail_until")
    return _utc(datetime.fromisoformat(text)) if text else None


def _fill_pending(pending: Pending, look: _Look) -> None:
    if (rejected := look.relation(REJECTED_CALLS.name)) is not None:
        pending.rejected_calls = look.count(rejected)
    pending.calls_since_transform = _calls_since_transform(look)
    keys: Counter[str] = Counter()
    for name in TABLES:
        relation = look.relation(name)
        if relation is not None and "_extra" in relation.c:
            pending.rows_with_unknown_keys += look.count(relation, relation.c["_extra"].is_not(None))
            keys.update(f"{name}.{key}" for key in _unknown_keys(look, relation))
    pending.unknown_keys = dict(keys.most_common())


def _unknown_keys(look: _Look, relation: TableClause) -> Iterator[str]:
    extra = relation.c["_extra"]
    for (value,) in look.connection.execute(select(extra).where(extra.is_not(None)).limit(_EXTRAS_LOOKED_AT)):
        yield from json.loads(value) if isinstance(value, str) else value


def _calls_since_transform(look: _Look) -> int | None:
    """Calls of loads that the facts have not seen: two machines' load ids need not grow as they land."""
    calls, facts = look.relation("calls"), look.relation("fct_calls", MARTS_SCHEMA)
    if calls is None or facts is None or "load_id" not in facts.c:
        return None
    seen = select(facts.c.load_id).where(facts.c.load_id.is_not(None)).distinct()
    return look.count(calls, calls.c["_dlt_load_id"].not_in(seen))


def _pending_packages(home: Home) -> int:
    """Packages that were extracted or normalized and have not landed: the next load begins with them."""
    working = home.pipelines_dir / PIPELINE
    folders = (working / "normalize" / "extracted", working / "load" / "normalized")
    return sum(entry.is_dir() for folder in folders if folder.is_dir() for entry in folder.iterdir())


def _utc(instant: datetime | None) -> datetime | None:
    if instant is None:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
