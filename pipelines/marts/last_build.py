"""The last build of the marts: when it was, and whether another one would change anything.

What the marts say depends on the raw rows, and on the definitions: the dbt project with the home's own seeds, and its
variables. It depends on nothing else: dbt's models take "now" from the data. Fingerprints of both are kept in
`var/dbt/last_build.json` after each whole build.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, func, select

from pipelines.ccaip.schema import LOAD_ID
from pipelines.ccaip.tables import DRIFT, LOAD_WINDOWS, RECORDS
from pipelines.home import Home
from pipelines.marts.dbt_runner import PROJECT_DIR, dbt_variables
from pipelines.runs import utc_now, write_whole
from pipelines.settings import Settings
from pipelines.warehouse.connect import Catalog, cursor_of, exists, raw_table, reading

_LONGEST = timedelta(hours=1)
"""After this long the marts are built even if no call changed: they also say up to when the data reach."""


@dataclass(frozen=True)
class Sources:
    """Fingerprints of what marts are built from: of the raw rows, and of the definitions."""

    rows: str
    definitions: str


@dataclass(frozen=True)
class Build:
    """A whole build of the marts that succeeded. `finished_at` is UTC."""

    finished_at: datetime
    sources: Sources


def last_build(home: Home) -> Build | None:
    """The last whole build in this home that succeeded. A damaged record counts as none."""
    try:
        told = json.loads(_file(home).read_text())
        return Build(datetime.fromisoformat(told["finished_at"]), Sources(**told["sources"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def record_build(home: Home, sources: Sources) -> None:
    """Record that the marts were built from `sources`."""
    build = asdict(Build(utc_now(), sources))
    write_whole(_file(home), json.dumps(build, default=datetime.isoformat))


def forget_build(home: Home) -> None:
    """Remove the record: the marts are about to change."""
    _file(home).unlink(missing_ok=True)


def current_build(home: Home, sources: Sources | None) -> Build | None:
    """The last build, if another one from `sources` would change nothing but up to when the data reach."""
    build = last_build(home)
    if build is None or utc_now() - build.finished_at > _LONGEST:
        return None
    return build if build.sources == sources else None


def limits_of_tests(home: Home, sources: Sources | None, *, everything: bool = False) -> dict[str, str]:
    """The environment by which dbt's data tests look at what a build from `sources` touches: see `touched_days.sql`.

    They look at everything if that is asked for, and unless the build before was whole, had the same definitions and
    passed: else an error that one build reports would be gone in the next. To be called before `forget_build`.
    """
    before = last_build(home)
    is_known_before = before and sources and before.sources.definitions == sources.definitions
    return {"CALLMART_TESTS_LOOK_AT": "touched" if is_known_before and not everything else "everything"}


def sources_of(home: Home, settings: Settings) -> Sources | None:
    """All that the marts of this warehouse are built from; None when there is nothing to build.

    Raises `LockedError` while another process writes the warehouse.
    """
    if not exists(settings):
        return None
    with reading(settings) as connection:
        catalog = Catalog(connection)
        if catalog.relation("calls") is None:
            return None
        rows = [*_raw_rows(catalog)]
    definitions = [
        version("callmart"),
        settings.warehouse_name,
        *sorted(dbt_variables(settings.reporting_timezone).items()),
        *_project_files(PROJECT_DIR),
        *_project_files(home.seeds_dir),
    ]
    return Sources(_hash(rows), _hash(definitions))


def _hash(parts: Sequence[Any]) -> str:
    return sha256(repr(parts).encode()).hexdigest()


def _project_files(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".sql", ".yml", ".csv", ".md"):
            yield str(file.relative_to(folder)), sha256(file.read_bytes()).hexdigest()


def _raw_rows(catalog: Catalog) -> Iterator[tuple[Any, ...]]:
    """Whatever changes with the raw rows.

    A row of a call never changes without a new load id, and a record not without a new instant or another count. Of
    the ledger only what is open counts: each load adds windows to it.
    """
    calls = raw_table("calls")
    loads = calls.c[LOAD_ID]
    cursor = None if catalog.relation("load_windows") is None else cursor_of(catalog.connection)
    ahead = func.count().filter(calls.c.updated_at > cursor.until) if cursor else func.count()
    query = select(func.count(), func.count(loads.distinct()), func.max(loads), ahead)
    yield tuple(catalog.connection.execute(query).one())
    for record in RECORDS:
        table = catalog.relation(record.name)
        if table is None or record is DRIFT:
            continue
        if record is LOAD_WINDOWS:
            yield record.name, catalog.count(table, table.c.verdict != "complete")
            continue
        instants = [each for each in table.c if isinstance(each.type, DateTime)]
        query = select(func.count(), *(func.max(each) for each in instants)).select_from(table)
        yield record.name, *map(str, catalog.connection.execute(query).one())


def _file(home: Home) -> Path:
    return home.dbt_target_dir.with_name("last_build.json")
