"""What is loaded, how fresh it is, and what is pending: `callmart status`, and its `--json`.

Reads the warehouse through SQLAlchemy and dlt's working folder from disk, without changing them. Either may be
missing. All instants are UTC. A scheduler can watch `fresh.tail_until` and `pending`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import dlt
from dlt.pipeline.exceptions import CannotRestorePipelineException
from sqlalchemy import TableClause, func, select

from pipelines.ccaip.enumerations import final_statuses
from pipelines.ccaip.tables import ERASURES, REJECTED_CALLS, SOURCE, TABLES
from pipelines.home import Home
from pipelines.marts.last_build import last_build
from pipelines.settings import Settings
from pipelines.warehouse.completeness import Completeness, read_completeness
from pipelines.warehouse.connect import Catalog, exists, reading, utc
from pipelines.warehouse.publish import MARTS_SCHEMA

_EXTRAS_LOOKED_AT = 10_000  # rows whose unknown keys are listed; all rows with unknown keys are counted


@dataclass
class Landed:
    """Rows per raw table, and calls by whether their status is one that a call ends in."""

    rows: dict[str, int] = field(default_factory=dict)
    calls_final: int = 0
    calls_not_final: int = 0


@dataclass
class Fresh:
    """`tail_until`: everything that changed up to this instant has been requested.

    `marts_built_at` is when all marts were last built in this home.
    """

    newest_updated_at: datetime | None = None
    tail_until: datetime | None = None
    last_load_id: str | None = None
    last_load_at: datetime | None = None
    marts_built_at: datetime | None = None


@dataclass
class Pending:
    """What is pending: an interrupted load, calls for the next transform, and calls that need attention.

    `load_was_cut_short`: the last load in this home was killed or failed; the next one continues it.
    `unfinished_erasures` has the start (UTC) of each `callmart forget` that is not finished.
    `unknown_keys` counts, by `table.key`, the rows among the first 10,000 with unknown keys;
    `rows_with_unknown_keys` counts all. `calls_since_transform` is None before the first transform.
    """

    load_was_cut_short: bool = False
    calls_since_transform: int | None = None
    rejected_calls: int = 0
    unfinished_erasures: list[datetime] = field(default_factory=list)
    rows_with_unknown_keys: int = 0
    unknown_keys: dict[str, int] = field(default_factory=dict)


@dataclass
class Status:
    """The state of one home and its warehouse. `marts` are rows per table built by dbt.

    `trust` has evidence on completeness: open windows, drift, lateness, reconciled days.
    """

    home: Path
    warehouse: str
    exists: bool
    landed: Landed = field(default_factory=Landed)
    fresh: Fresh = field(default_factory=Fresh)
    pending: Pending = field(default_factory=Pending)
    trust: Completeness = field(default_factory=Completeness)
    marts: dict[str, int] = field(default_factory=dict)


def read_status(home: Home, settings: Settings) -> Status:
    """Read the status. Raises `LockedError` while another process writes the warehouse."""
    status = Status(home.root, settings.warehouse_name, exists(settings))
    status.pending.load_was_cut_short = _has_unloaded_package(home)
    if not status.exists:
        return status
    with reading(settings) as connection:
        catalog = Catalog(connection)
        status.landed = _landed(catalog)
        status.fresh = _fresh(catalog)
        status.fresh.marts_built_at = build.finished_at if (build := last_build(home)) else None
        _fill_pending(status.pending, catalog)
        status.trust = read_completeness(
            catalog, settings, status.fresh.tail_until or status.fresh.last_load_at
        )
        status.marts = {
            relation.name: catalog.count(relation)
            for name in catalog.tables(MARTS_SCHEMA)
            if (relation := catalog.relation(name, MARTS_SCHEMA)) is not None
        }
    return status


def _has_unloaded_package(home: Home) -> bool:
    """Whether dlt's working folder has a package that was not loaded to its end."""
    if not (home.pipelines_dir / SOURCE).exists():
        return False  # dlt would create it
    try:
        return dlt.attach(SOURCE, pipelines_dir=str(home.pipelines_dir)).has_pending_data
    except (CannotRestorePipelineException, ValueError):  # a kill left half a file of the state
        return True


def _landed(catalog: Catalog) -> Landed:
    landed = Landed()
    for name in (*TABLES, REJECTED_CALLS.name):
        if (relation := catalog.relation(name)) is not None:
            landed.rows[name] = catalog.count(relation)
    if (calls := catalog.relation("calls")) is not None:
        by_status = catalog.connection.execute(select(calls.c.status, func.count()).group_by(calls.c.status))
        for call_status, count in by_status:
            if call_status in final_statuses():
                landed.calls_final += count
            else:
                landed.calls_not_final += count
    return landed


def _fresh(catalog: Catalog) -> Fresh:
    cursor = catalog.cursor()
    fresh = Fresh(tail_until=cursor.until if cursor else None)
    if (calls := catalog.relation("calls")) is not None:
        newest = catalog.connection.execute(select(func.max(calls.c.updated_at))).scalar()
        fresh.newest_updated_at = utc(newest)
    if (loads := catalog.relation("_dlt_loads")) is not None:
        last = (
            select(loads.c.load_id, loads.c.inserted_at)
            .where(loads.c.status == 0)
            .order_by(loads.c.inserted_at.desc())
        )
        if row := catalog.connection.execute(last).first():
            fresh.last_load_id, fresh.last_load_at = row[0], utc(row[1])
    return fresh


def _fill_pending(pending: Pending, catalog: Catalog) -> None:
    if (rejected := catalog.relation(REJECTED_CALLS.name)) is not None:
        pending.rejected_calls = catalog.count(rejected)
    if (erasures := catalog.relation(ERASURES.name)) is not None:
        begun = (
            select(erasures.c.asked_at).where(erasures.c.finished_at.is_(None)).order_by(erasures.c.asked_at)
        )
        pending.unfinished_erasures = [
            moment for asked_at in catalog.connection.execute(begun).scalars() if (moment := utc(asked_at))
        ]
    pending.calls_since_transform = _calls_since_transform(catalog)
    keys: Counter[str] = Counter()
    for name in TABLES:
        relation = catalog.relation(name)
        if relation is not None and "_extra" in relation.c:
            pending.rows_with_unknown_keys += catalog.count(relation, relation.c["_extra"].is_not(None))
            keys.update(f"{name}.{key}" for key in _unknown_keys(catalog, relation))
    pending.unknown_keys = dict(keys.most_common())


def _unknown_keys(catalog: Catalog, relation: TableClause) -> Iterator[str]:
    extra = relation.c["_extra"]
    for (value,) in catalog.connection.execute(
        select(extra).where(extra.is_not(None)).limit(_EXTRAS_LOOKED_AT)
    ):
        yield from json.loads(value) if isinstance(value, str) else value


def _calls_since_transform(catalog: Catalog) -> int | None:
    """The number of calls whose load the facts do not have. Load ids of two machines need not grow in load order."""
    calls, facts = catalog.relation("calls"), catalog.relation("fct_calls", MARTS_SCHEMA)
    if calls is None or facts is None or "load_id" not in facts.c:
        return None
    seen = select(facts.c.load_id).where(facts.c.load_id.is_not(None)).distinct()
    return catalog.count(calls, calls.c["_dlt_load_id"].not_in(seen))
