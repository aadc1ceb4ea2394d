"""Lands a chunk: what is worth landing, in one load package, and then a look at what is really there.

    chunk → sifting → dlt → verifying → the ledger's verdict

dlt's working folder holds nothing that counts. A package that a killed run left behind is thrown away:
its calls may have changed since and landed from another machine, and an older version must never
overwrite a newer one. The cursor that would have landed with it is not in the warehouse either, so
its windows are asked for again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import MappingProxyType, TracebackType

import dlt
import pyarrow as pa
from dlt.common.exceptions import SignalReceivedException
from dlt.common.runtime.collector import NullCollector
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.ccaip.gather import Chunk
from pipelines.ccaip.source import NAME, ccaip, cursor_in
from pipelines.ccaip.tables import LOAD_WINDOWS
from pipelines.ccaip.windows import Cursor
from pipelines.errors import CallmartError
from pipelines.home import Home
from pipelines.steps import reached
from pipelines.warehouse import ledger
from pipelines.warehouse.connection import writing
from pipelines.warehouse.ledger import Landed
from pipelines.warehouse.sifting import sift
from pipelines.warehouse.verifying import verify

logger = logging.getLogger(__name__)

_DLT_SETTINGS = {
    # every row says which load landed it: the marts rebuild by it
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    # personal data must not linger in the staging dataset
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "LOAD__WORKERS": "2",
    # a commit that failed leaves the open database wrong (see `Landing`): no second try on it
    "LOAD__RAISE_ON_MAX_RETRIES": "1",
}


class _Steps(NullCollector):
    """Tells the named steps when dlt's loader has done jobs."""

    def update(self, name: str, *args: object, **kwargs: object) -> None:
        if name == "Jobs":
            reached("merge")


class Landing:
    """The warehouse, open for landing: use it in a `with` block.

    Throws away what a killed run left, and takes over the warehouse's state. `found_package` says
    whether there was something to throw away.

    After a failure the file is closed and opened again: a commit that runs out of memory leaves
    DuckDB's open tables misaligned, and what is inserted next is stored under other rows' ids. Closed,
    the file is as it was before. So `connection` is to be asked for anew, and not to be kept.
    """

    def __init__(self, home: Home, warehouse: Path) -> None:
        self._home = home
        self._warehouse = warehouse
        self._open = ExitStack()
        self.found_package = False
        os.environ.update(_DLT_SETTINGS)

    def __enter__(self) -> Landing:
        self._begin()
        if self.found_package:
            logger.warning("an earlier load was cut short: its windows are asked for again")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _begin(self) -> None:
        """Open the warehouse, empty the working folder, and take state and schema from the warehouse."""
        self._open.close()
        self.connection = self._open.enter_context(writing(self._warehouse))
        self._pipeline = dlt.pipeline(
            NAME,
            destination=dlt.destinations.duckdb(self.connection),
            dataset_name=NAME,
            pipelines_dir=str(self._home.pipelines_dir),
            progress=_Steps(),
        )
        if self._pipeline.has_pending_data:
            self.found_package = True
            self._pipeline.drop()
        self._pipeline.sync_destination()

    @property
    def cursor(self) -> Cursor | None:
        """How far the scheduled load has come, by the state that landed with the data."""
        return cursor_in(dict(self._pipeline.state))

    def land(
        self,
        chunk: Chunk,
        cursor: Cursor | None,
        horizon: datetime,
        records: Mapping[str, pa.Table] = MappingProxyType({}),
    ) -> Landed | None:
        """Land a chunk, and the cursor and `records` with it, in one load package; see that it is there.

        A chunk that is not wholly there is landed once more. None when dlt could not land it: then
        the ledger says so, and the cursor stays. `horizon` is what `sift` says it is. Raises
        `CallmartError` when not even the ledger can be written.
        """
        for _ in range(2):
            sifted = sift(self.connection, chunk, horizon)
            try:
                rows = {**sifted.tables, **records, LOAD_WINDOWS.name: ledger.fetched(chunk)}
                load_id = self._run(rows, cursor)
            except PipelineStepFailed as error:
                logger.exception("a chunk could not land")
                self._begin()
                self.record({LOAD_WINDOWS.name: ledger.failed(chunk, _in_short(error))})
                return None
            reached("verify")
            landed = verify(self.connection, chunk, sifted, load_id)
            ledger.settle(self.connection, chunk, landed)
            if not landed.problems:
                break
            logger.error("a chunk is not in the warehouse as it was sent: %s", "; ".join(landed.problems))
            self._begin()
        return landed

    def record(self, tables: dict[str, pa.Table]) -> None:
        """Land rows of record tables alone. Raises `CallmartError` when that fails."""
        try:
            self._run(tables, None)
        except PipelineStepFailed as error:
            raise CallmartError(
                f"The warehouse cannot be written: {_in_short(error)}.",
                "It holds what landed before. Look at the disk and at who has the file open, then run again.",
            ) from error

    def _run(self, tables: dict[str, pa.Table], cursor: Cursor | None) -> str:
        """One load package; its load id."""
        try:
            reached("extract")
            extracted = self._pipeline.extract(ccaip(tables, cursor), loader_file_format="parquet")
            reached("normalise")
            self._pipeline.normalize()
            self._pipeline.load()
        except PipelineStepFailed as error:
            if isinstance(error.exception, SignalReceivedException):  # dlt takes signals for itself
                raise SystemExit(128 + error.exception.signal_code) from None
            raise
        return str(extracted.loads_ids[0])


def _in_short(error: PipelineStepFailed) -> str:
    """At which step dlt failed, and the class of the error at the bottom: its words can quote rows."""
    cause: BaseException = error.exception
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{type(cause).__name__} at step {error.step}"
