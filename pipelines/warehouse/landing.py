"""Lands a chunk: what is worth landing, all at once, and then a look at what is really there.

    chunk → sifting → merging (rows, ledger) and dlt's load (cursor) → verifying → the ledger's verdict

The rows of a chunk, its ledger rows, the cursor and dlt's word that the load is complete are written in one
transaction: killed at any moment, all of it is there or nothing. dlt's working folder holds nothing that
counts: each landing begins with an empty one, and removes it in the end.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType, TracebackType

import duckdb

from pipelines.ccaip.gather import Package
from pipelines.ccaip.schema import NAME
from pipelines.ccaip.tables import LOAD_WINDOWS, REJECTED_CALLS
from pipelines.ccaip.windows import Cursor
from pipelines.errors import CallmartError
from pipelines.home import Home
from pipelines.steps import reached
from pipelines.warehouse import ledger
from pipelines.warehouse.dlt_pipeline import DltPipeline
from pipelines.warehouse.duckdb_file import writing
from pipelines.warehouse.ledger import Landed
from pipelines.warehouse.merging import Change, merge, transaction
from pipelines.warehouse.rejected import count_attempts
from pipelines.warehouse.sifting import sift
from pipelines.warehouse.verifying import verify

logger = logging.getLogger(__name__)

_LOG_AT_MOST = "64MB"  # what has landed and is not yet in the file: DuckDB holds it in memory, too


class Landing:
    """The warehouse, open for landing: use it in a `with` block.

    Takes over the warehouse's schema and cursor. `was_cut_short` says whether the landing before left its
    working folder, for it was killed or failed.

    After a failure the file is closed and opened again: a commit that runs out of memory leaves
    DuckDB's open tables misaligned, and what is inserted next is stored under other rows' ids. Closed,
    the file is as it was before. So `connection` is to be asked for anew, and not to be kept.
    """

    def __init__(self, home: Home, warehouse: Path) -> None:
        self._home = home
        self._warehouse = warehouse
        self._open = ExitStack()
        self._folder = home.pipelines_dir / NAME
        self.was_cut_short = self._folder.exists()

    def __enter__(self) -> Landing:
        try:
            self._begin()
        except BaseException:
            self._open.close()  # without it the file stays locked
            raise
        if self.was_cut_short:
            logger.warning("an earlier load was cut short: its windows are asked for again")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(duckdb.Error):  # what failed may have ended the database
            self.connection.execute("reset threads")  # nothing is read any more: both cores write the file
        self._open.close()
        if error is None:
            shutil.rmtree(self._folder)

    def _begin(self) -> None:
        """Open the warehouse, empty the working folder, and take state and schema from the warehouse."""
        self._open.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self.connection = self._open.enter_context(writing(self._warehouse))
        # a second thread doubles what an insert costs and saves no time: the other core is reading
        self.connection.execute("set threads = 1")
        self._dlt = DltPipeline(self.connection, self._home.pipelines_dir)
        self.connection.execute(f"set checkpoint_threshold = '{_LOG_AT_MOST}'")  # dlt has set it to 1 GB

    @property
    def cursor(self) -> Cursor | None:
        """How far the scheduled load has come, by the state that landed with the data."""
        return self._dlt.cursor

    def land(
        self,
        chunk: Package,
        cursor: Cursor | None,
        horizon: datetime,
        records: Mapping[str, Change] = MappingProxyType({}),
    ) -> Landed | None:
        """Land a chunk and `records`, and the cursor after them; see that it is there.

        A chunk that is not wholly there is landed once more. None when it could not be landed: then
        the ledger says so, and the cursor stays. `horizon` is what `sift` says it is. Raises
        `CallmartError` when not even the ledger can be written.
        """
        rejected = count_attempts(self.connection, chunk.tables[REJECTED_CALLS.name])
        chunk = replace(chunk, tables=chunk.tables | {REJECTED_CALLS.name: rejected})
        for _ in range(2):
            reached("sift")
            sifted = sift(self.connection, chunk, horizon)
            try:
                told = {**records, LOAD_WINDOWS.name: Change(ledger.fetched(chunk))}
                load_id = self._run({**sifted.changes, **told}, cursor)
            except duckdb.Error as error:
                logger.exception("a chunk could not land")
                self._begin()
                self.record({LOAD_WINDOWS.name: Change(ledger.failed(chunk, _in_short(error)))})
                return None
            reached("verify")
            landed = verify(self.connection, chunk, sifted, load_id)
            ledger.settle(self.connection, chunk, landed)
            if not landed.problems:
                break
            logger.error("a chunk is not in the warehouse as it was sent: %s", "; ".join(landed.problems))
            self._begin()
        return landed

    def record(self, changes: Mapping[str, Change]) -> None:
        """Land changes that come with no chunk. Raises `CallmartError` when that fails."""
        try:
            self._run(changes, None)
        except duckdb.Error as error:
            raise CallmartError(
                f"The warehouse cannot be written: {_in_short(error)}.",
                "It holds what landed before. Look at the disk and at who has the file open, then run again.",
            ) from error

    def _run(self, changes: Mapping[str, Change], cursor: Cursor | None) -> str:
        """One load; its load id."""
        load_id = self._dlt.begin_load()
        with transaction(self.connection):
            merge(self.connection, changes, load_id)
            reached("cursor")
            self._dlt.complete_load(load_id, cursor)
        return load_id


def _in_short(error: duckdb.Error) -> str:
    """The class of the error alone: its words can quote rows."""
    return type(error).__name__
