"""Lands calls in the warehouse: the scheduled load and the backfill.

    windows (planned) → gather (fetched, exploded) → one dlt run each → raw tables, cursor with them

A load is a sequence of chunks, each landed whole with its cursor, so that a kill at any moment loses
at most the chunk in flight. The next chunk is fetched while one lands. A package that a killed run
left behind is landed before anything new is asked for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

import dlt
import duckdb
from dlt.pipeline.exceptions import PipelineStepFailed

from pipelines.ccaip.client import Client
from pipelines.ccaip.gather import Chunk, Gatherer
from pipelines.ccaip.source import NAME, TAIL_UNTIL, ccaip
from pipelines.ccaip.tailing import tail
from pipelines.ccaip.windows import CALLS_PER_WINDOW, Window, plan, tail_window, whole_second
from pipelines.errors import CallmartError, ConfigurationError
from pipelines.home import Home
from pipelines.progress import Progress, Stage
from pipelines.settings import Settings
from pipelines.warehouse.connection import writing
from pipelines.warehouse.tombstones import only_needed

_DLT_SETTINGS = {
    # every row says which load landed it: the marts rebuild by it
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    # personal data must not linger in the staging dataset
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "LOAD__WORKERS": "2",
}


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did. `since` and `until` bound what was asked for (UTC), None when nothing was."""

    calls: int
    rejected: int
    chunks: int
    requests: int
    since: datetime | None
    until: datetime | None
    seconds: float


def load_new(settings: Settings, home: Home, progress: Progress) -> LoadReport:
    """Load what has changed since the last load, and a little before it again.

    The first load begins at `start_date`. Moves the cursor, over empty stretches of time too.
    """

    def window(client: Client, cursor: datetime | None) -> Window | None:
        now = client.server_now()
        return tail_window(
            cursor, settings.start_date, now, settings.settle_seconds, settings.overlap_seconds
        )

    return _load(settings, home, progress, window, moves_cursor=True)


def backfill(
    settings: Settings, home: Home, progress: Progress, start: datetime, end: datetime
) -> LoadReport:
    """Load again what changed between `start` and `end` (UTC, inclusive). Leaves the cursor where it is."""
    if start >= end:
        raise ConfigurationError(
            f"The backfill ends ({end:%Y-%m-%d %H:%M:%S}) before it starts ({start:%Y-%m-%d %H:%M:%S}).",
            "Give --from the earlier instant and --to the later one.",
        )

    def window(client: Client, cursor: datetime | None) -> Window | None:
        until = min(end, client.server_now())
        return Window(whole_second(start), whole_second(until)) if start < until else None

    return _load(settings, home, progress, window, moves_cursor=False)


def _load(
    settings: Settings,
    home: Home,
    progress: Progress,
    window_for: Callable[[Client, datetime | None], Window | None],
    *,
    moves_cursor: bool,
) -> LoadReport:
    started = time.monotonic()
    with (
        Client(settings) as client,
        writing(settings.warehouse) as connection,
        Gatherer() as gatherer,
        progress.stage("load calls", unit="calls") as stage,
    ):
        pipeline = open_pipeline(home, connection)
        _drain(pipeline, stage)
        stage.note("asking what has changed")
        window = window_for(client, cursor_of(pipeline))
        calls = rejected = chunks = 0
        if window is not None:
            stage.note("fetching")
            windows = _expecting(plan(window, client.count, CALLS_PER_WINDOW), stage)
            gathered = (gatherer.gather(each, tail(client, each), stage) for each in windows)
            with closing(fetched_ahead(gathered, gatherer.cancel)) as fetched:
                for chunk in fetched:
                    land(pipeline, connection, chunk, chunk.window.until if moves_cursor else None)
                    calls, rejected, chunks = calls + chunk.calls, rejected + chunk.rejected, chunks + 1
                    stage.note(f"landed up to {chunk.window.until:%Y-%m-%d %H:%M}")
        return LoadReport(
            calls=calls,
            rejected=rejected,
            chunks=chunks,
            requests=client.counts.requests,
            since=window.since if window else None,
            until=window.until if window else None,
            seconds=time.monotonic() - started,
        )


def cursor_of(pipeline: dlt.Pipeline) -> datetime | None:
    """Up to when (UTC) everything has landed, by the state that landed with it."""
    text = pipeline.state.get("sources", {}).get(NAME, {}).get(TAIL_UNTIL)
    return datetime.fromisoformat(text) if text else None


def open_pipeline(home: Home, connection: duckdb.DuckDBPyConnection) -> dlt.Pipeline:
    """dlt's pipeline over an open warehouse, working in `home`."""
    os.environ.update(_DLT_SETTINGS)
    return dlt.pipeline(
        NAME,
        destination=dlt.destinations.duckdb(connection),
        dataset_name=NAME,
        pipelines_dir=str(home.pipelines_dir),
    )


def _drain(pipeline: dlt.Pipeline, stage: Stage) -> None:
    """Land what a killed run left behind, then take over the warehouse's state where it is newer."""
    with _explained():
        if pipeline.has_pending_data:
            stage.note("landing what an earlier run left behind")
            pipeline.normalize()
            pipeline.load()
        pipeline.sync_destination()


def land(
    pipeline: dlt.Pipeline, connection: duckdb.DuckDBPyConnection, chunk: Chunk, tail_until: datetime | None
) -> None:
    """Land one chunk, and with it the cursor, in one load package."""
    tables = only_needed(connection, chunk.tables)
    with _explained():
        pipeline.run(ccaip(tables, tail_until), loader_file_format="parquet")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except PipelineStepFailed as error:
        raise CallmartError(
            f"Landing the calls failed while dlt was at “{error.step}”: {error.exception}",
            "The warehouse holds what landed before. Run again: the pending package is landed first.",
        ) from error


def _expecting(windows: Iterator[Window], stage: Stage) -> Iterator[Window]:
    """Tell the stage how much is to come, window by window."""
    expected = 0
    for window in windows:
        expected += window.expected or 0
        stage.expect(expected)
        yield window


def fetched_ahead(chunks: Iterator[Chunk], cancel: Callable[[], None]) -> Generator[Chunk]:
    """The chunks, each fetched in another thread while the one before lands.

    `cancel` is called at the end: when landing failed, the fetch in flight is of no use to anybody.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="gather") as thread:
        coming = thread.submit(next, chunks, None)
        try:
            while (chunk := coming.result()) is not None:
                coming = thread.submit(next, chunks, None)
                yield chunk
        finally:
            cancel()
