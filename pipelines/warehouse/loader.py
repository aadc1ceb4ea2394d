"""Load packages into the warehouse with dlt, and compare the warehouse with what was sent.

    package → pipeline.run(ccaip_packages) → rows, ledger, cursor → verify → the ledger's verdict

Each package is one dlt load: its rows, its ledger rows and the cursor. A load counts once `_dlt_loads` has it. dlt's
working folder holds nothing else of value: each run begins with an empty one, and calls that a killed run left in it
are read again from the API.
"""

from __future__ import annotations

import logging
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from uuid import uuid4

import dlt
from dlt.common.exceptions import SignalReceivedException
from dlt.pipeline.exceptions import PipelineStepFailed
from sqlalchemy import Column, Connection, MetaData, Table, Text, func, literal, select, union_all, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import SetColumnComment

from pipelines.ccaip import ledger
from pipelines.ccaip.loaded import Loaded
from pipelines.ccaip.package import Package
from pipelines.ccaip.privacy.policy import declared_columns
from pipelines.ccaip.schema import LOAD_ID, READABLE, ROW_ID, call_key
from pipelines.ccaip.source import Outgoing, ccaip_packages
from pipelines.ccaip.tables import LOAD_WINDOWS, RECORDS, REJECTED_CALLS, SOURCE, TABLES
from pipelines.ccaip.windows import Cursor
from pipelines.errors import CallmartError, explained
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.steps import reached
from pipelines.warehouse import duckdb_file
from pipelines.warehouse.compare import differing_calls
from pipelines.warehouse.connect import (
    Catalog,
    batches,
    cursor_of,
    linked_table,
    raw_table,
    replace_records,
    rows_by_key,
    utc,
    writing,
)
from pipelines.warehouse.erasing import delete_calls

logger = logging.getLogger(__name__)

_MOST_COMPARED = 1_000  # calls; more are hardly ever all unchanged
_DISTANT_PAST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LoadedPackage:
    """The result of a package: the verdict on each window, the number of calls loaded, the problems."""

    verdicts: list[str]
    calls: int
    problems: list[str]


class Loader:
    """The warehouse, open for loading. Use it in a `with` block.

    After a failed load the warehouse is closed and opened again: a DuckDB commit that runs out of memory damages the open
    tables but not the file. Therefore get `connection` each time instead of keeping it.
    """

    def __init__(self, settings: Settings, home: Home) -> None:
        self._settings = settings
        self._home = home
        self._folder = home.pipelines_dir / SOURCE
        self._run_id = uuid4().hex
        self._open = ExitStack()

    def __enter__(self) -> Loader:
        with ExitStack() as opening:
            self._warehouse = opening.enter_context(writing(self._settings))
            self._begin()
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection to the warehouse, in UTC."""
        return self._warehouse.connection

    @property
    def cursor(self) -> Cursor | None:
        """The cursor of the scheduled load."""
        return cursor_of(self.connection)

    def load(self, package: Package, horizon: datetime) -> LoadedPackage | None:
        """Load a package, then compare the warehouse with it. If they differ, load it once more.

        If the warehouse has all its calls already, only the ledger is written, which also moves the cursor.

        Returns None if it could not be loaded: the ledger records that, and the cursor stays. `horizon` (UTC) is shortly
        after the server's clock: a loaded call with a later date is misdated and is replaced by any version. Raises
        `CallmartError` if not even the ledger can be written.
        """
        if package.is_routine and self._is_loaded(package):  # dlt would take seconds of CPU for it
            self.record(LOAD_WINDOWS.name, ledger.nothing_new(package))
            return LoadedPackage([ledger.verdict_of(read) for read in package.reads], 0, [])
        for is_last in (False, True):
            reached("load")
            try:
                outgoing = self._run(package, horizon)
            except PipelineStepFailed as error:
                if isinstance(error.__cause__, SignalReceivedException):
                    signal.raise_signal(error.__cause__.signal_code)  # dlt has held it back
                if (reason := explained(error)) is not None:
                    raise reason from error
                logger.exception("a package could not be loaded")
                self._reopen()
                self.record(LOAD_WINDOWS.name, ledger.failed(package, _cause(error)))
                return None
            reached("verify")
            problems = self._verify(outgoing)
            loaded = self._settle(outgoing, problems)
            if problems:
                logger.error(
                    "the warehouse differs from the package that was loaded: %s", "; ".join(problems)
                )
                self._reopen()
            if is_last or not problems:
                break
            self._undo(outgoing)
        return loaded

    def record(
        self, name: str, rows: Sequence[Mapping[str, Any]], gone: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Write rows of a record table, and delete the rows with the keys `gone`."""
        try:
            replace_records(self.connection, name, rows, gone)
            self.connection.commit()
        except DBAPIError as error:
            raise CallmartError(
                f"The warehouse cannot be written: {type(error.orig).__name__}.",
                "It has what was loaded before. Check the disk and which programs have it open, then run this again.",
            ) from error

    # --- dlt ----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Check the open warehouse and create what it lacks."""
        catalog = Catalog(self.connection)
        catalog.check_version()
        lacks_columns = _lacks_columns(catalog)
        self.connection.rollback()
        self._pipeline: dlt.Pipeline | None = None
        dataset = dlt.dataset(self._warehouse.destination, SOURCE, dlt.Schema(SOURCE))
        self.loaded = Loaded(lambda: dataset.sql_client)
        if lacks_columns:
            self._run(Package.empty(), _DISTANT_PAST)
            _write_comments(self.connection)

    def _new_pipeline(self) -> dlt.Pipeline:
        """A pipeline with an empty working folder. Its first run restores the warehouse's schema and state."""
        shutil.rmtree(self._folder, ignore_errors=True)
        return dlt.pipeline(
            SOURCE,
            destination=self._warehouse.destination,
            dataset_name=SOURCE,
            pipelines_dir=str(self._home.pipelines_dir),
        )

    def _reopen(self) -> None:
        self._warehouse.reopen()
        self._begin()

    def _run(self, package: Package, horizon: datetime) -> Outgoing:
        """One dlt load."""
        sent: list[Outgoing] = []
        self.connection.rollback()  # an open transaction would see old rows and lock tables that dlt changes
        # not earlier: after a load of nothing new, dlt's commands still show the last one
        self._pipeline = self._pipeline or self._new_pipeline()
        self._pipeline.run(
            ccaip_packages(
                iter([package]),
                sent.append,
                horizon,
                run_id=self._run_id,
                privacy_key=self._settings.privacy_key,
            )
        )
        if len(package.removed):
            delete_calls(self.connection, package.removed.to_pylist())
            self.connection.commit()
        return sent[0]

    def _undo(self, outgoing: Outgoing) -> None:
        """Delete the rows of a failed load: dlt finds a call's old rows by the row in `calls`, which may be missing."""
        delete_calls(self.connection, outgoing.ids.to_pylist())
        rejected = raw_table(REJECTED_CALLS.name)
        self.connection.execute(
            update(rejected)
            .where(rejected.c[LOAD_ID] == outgoing.load_id)
            .values(attempt=rejected.c.attempt - 1)
        )
        self.connection.commit()

    def _is_loaded(self, package: Package) -> bool:
        """Whether the warehouse has all calls of the package unchanged, as it does when an overlap brings nothing new."""
        sent = package.versions()
        if len(sent) > _MOST_COMPARED:
            return False
        ids = list(sent)
        calls, rejected = raw_table("calls").c, raw_table(REJECTED_CALLS.name).c
        found = rows_by_key(self.connection, select(calls.id, calls.updated_at), calls.id, ids)
        mended = rows_by_key(self.connection, select(rejected.call_key), rejected.call_key, map(str, ids))
        is_loaded = (
            sent == {row.id: utc(row.updated_at) for row in found}
            and not any(mended)
            and not differing_calls(self.connection, package.tables, ids)
        )
        self.connection.rollback()
        return is_loaded

    # --- checks -------------------------------------------------------------------------------------

    def _verify(self, outgoing: Outgoing) -> list[str]:
        """Compare the rows of the package's calls in every table with what was sent. Returns the problems."""
        calls = linked_table("calls")
        of_calls = select(calls.c.id).where(calls.c[LOAD_ID] == outgoing.load_id)
        queries = []
        for place, name in enumerate(TABLES):
            source = linked_table(name)
            queries.append(
                select(
                    literal(place),
                    func.count(),
                    func.count(func.distinct(source.c[ROW_ID])),
                ).where(source.c[call_key(name)].in_(of_calls))
            )
        for place, table in enumerate(RECORDS, len(TABLES)):
            records = raw_table(table.name)
            queries.append(
                select(literal(place), func.count(), func.count())
                .select_from(records)
                .where(records.c[LOAD_ID] == outgoing.load_id)
            )
        found = {place: counts for place, *counts in self.connection.execute(union_all(*queries))}
        self.connection.rollback()
        problems = []
        for place, name in enumerate([*TABLES, *(table.name for table in RECORDS)]):
            count = _count_sent(outgoing, name)
            rows, distinct = found.get(place, (0, 0))
            if (rows, distinct) != (count, count):
                problems.append(
                    f"{name}: {count} rows sent, {rows} in the warehouse, {distinct} of them distinct"
                )
        if self._warehouse.raw is not None and not problems:
            condition = f"{LOAD_ID} = '{outgoing.load_id}'"
            sent = {name: (rows, condition) for name in TABLES if (rows := outgoing.tables[name]).num_rows}
            different = duckdb_file.differing_tables(self._warehouse.raw, sent)
            problems = [
                f"{name}: the right number of rows, but different contents" for name in sorted(different)
            ]
        return problems

    def _settle(self, outgoing: Outgoing, problems: list[str]) -> LoadedPackage:
        """Write the verdict on each window into the ledger."""
        reads = outgoing.package.reads
        verdicts = ["mismatch" if problems else ledger.verdict_of(read) for read in reads]
        rows = outgoing.tables[LOAD_WINDOWS.name].to_pylist()
        if problems:  # the ledger's rows may be missing too
            note = "; ".join(problems)
            self.record(LOAD_WINDOWS.name, [row | {"verdict": "mismatch", "note": note} for row in rows])
        else:
            self._update_verdicts(outgoing.load_id, verdicts, [read.window.window_id for read in reads])
        calls = 0 if problems else sum(row["landed"] for row in rows)
        return LoadedPackage(verdicts, calls, problems)

    def _update_verdicts(self, load_id: str, verdicts: list[str], windows: list[str]) -> None:
        source = raw_table(LOAD_WINDOWS.name)
        for verdict in set(verdicts):
            of_verdict = [each for each, its in zip(windows, verdicts, strict=True) if its == verdict]
            for some in batches(of_verdict):
                self.connection.execute(
                    update(source)
                    .where(source.c.load_id == load_id, source.c.window_id.in_(some))
                    .values(verdict=verdict)
                )
        self.connection.commit()


def _count_sent(outgoing: Outgoing, name: str) -> int:
    """The number of rows that a table should have after the load. Some rows of `rejected_calls` only delete others."""
    if (rows := outgoing.tables.get(name)) is None:
        return 0
    if name == REJECTED_CALLS.name:
        return sum(not gone for gone in rows[READABLE].to_pylist())
    return rows.num_rows


def _cause(error: BaseException) -> str:
    """The class of the error that dlt wraps. Its message may quote rows."""
    while error.__cause__ is not None:
        error = error.__cause__
    return type(error).__name__


# --- tables ---------------------------------------------------------------------------------------


def _lacks_columns(catalog: Catalog) -> bool:
    """Whether a declared table or column does not exist yet."""
    for table in (*map(linked_table, TABLES), *(raw_table(each.name) for each in RECORDS)):
        relation = catalog.relation(table.name)
        if relation is None or not set(table.c.keys()) <= set(relation.c.keys()):
            return True
    return False


def _write_comments(connection: Connection) -> None:
    """Write each column's description and privacy class as a comment, which SQL clients show."""
    if connection.dialect.name not in ("duckdb", "postgresql"):
        return  # dlt writes them itself
    for (name, column), said in declared_columns().items():
        described = Column(column, Text, comment=f"{said.description} (privacy: {said.privacy.value})")
        Table(name, MetaData(schema=SOURCE), described)
        connection.execute(SetColumnComment(described))
    connection.commit()
