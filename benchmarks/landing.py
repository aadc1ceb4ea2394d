"""Load calls into DuckDB in four ways: `python -m benchmarks.landing WAY PAGES FOLDER`.

- `callmart`: what `callmart load` does with fetched pages, under the default privacy policy.
- `callmart_keep`: the same without pseudonyms: everything is stored unchanged.
- `dlt_nested`: nested JSON rows, normalised by dlt and merged through Parquet.
- `duckdb_json`: DuckDB's JSON reader and `unnest`, nothing declared, checked or merged.

Each way runs in its own process and prints one JSON line: calls a second, CPU microseconds per call, peak memory in MB,
and the seconds to import its libraries. Imports are a fixed cost per load, so they are shown separately and not
included in the first two; they are included in the peak.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.pages import read_pages

if TYPE_CHECKING:
    from pipelines.ccaip.privacy.policy import PrivacyFilter


def callmart(pages: Path, folder: Path) -> None:
    """Page bytes, parsed into packages and loaded."""
    from pipelines.ccaip.privacy.policy import Policy, PrivacyFilter

    _callmart(pages, folder, PrivacyFilter(Policy(), "a key for invented callers"))


def callmart_keep(pages: Path, folder: Path) -> None:
    """The same with everything personal stored unchanged."""
    from pipelines.ccaip.privacy.policy import KEEP_ALL, PrivacyFilter

    _callmart(pages, folder, PrivacyFilter(KEEP_ALL))


def _callmart(pages: Path, folder: Path, privacy: PrivacyFilter) -> None:
    from dataclasses import replace

    from pipelines.ccaip.package import Package, Parser, package_of
    from pipelines.ccaip.page import read_calls
    from pipelines.ccaip.reader import CALLS_PER_PACKAGE
    from pipelines.ccaip.windows import Window
    from pipelines.home import Home
    from pipelines.settings import load_settings
    from pipelines.warehouse.loader import Loader

    home = Home(folder)
    home.activate()
    settings = replace(load_settings(home, need_api=False), warehouse=home.warehouse, privacy_key="")
    now = datetime.now(UTC)
    pages_a_package = CALLS_PER_PACKAGE // 100
    calls = (read_calls(body) for body in read_pages(pages))

    def packages() -> Iterator[Package]:
        for _ in range(0, len(list(pages.iterdir())), pages_a_package):
            yield package_of(parser, islice(calls, pages_a_package), Window(now, now))

    with Loader(settings, home) as loader, Parser(privacy) as parser:
        for package in packages():
            loader.load(package, now)


def dlt_nested(pages: Path, folder: Path) -> None:
    """What a dlt user would write in five lines."""
    os.environ |= {"DLT_DATA_DIR": str(folder), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    import dlt
    import msgspec

    @dlt.resource(name="calls", primary_key="id", write_disposition="merge")
    def calls() -> Iterator[list[dict[str, Any]]]:
        for body in read_pages(pages):
            yield msgspec.json.decode(body)

    destination = dlt.destinations.duckdb(str(folder / "nested.duckdb"))
    dlt.pipeline("nested", destination=destination, dataset_name="raw").run(
        calls(), loader_file_format="parquet"
    )


def duckdb_json(pages: Path, folder: Path) -> None:
    """The JSON reader alone: a table of calls, and one for each array."""
    import duckdb

    with duckdb.connect(str(folder / "json.duckdb")) as database:
        database.execute(
            f"create table calls as from read_json('{pages}/*.json', maximum_object_size=100000000, union_by_name=true)"
        )
        arrays = database.execute(
            "select column_name from duckdb_columns() where table_name = 'calls' and data_type like 'STRUCT%[]'"
        ).fetchall()
        for (array,) in arrays:
            database.execute(
                f"create table {array} as select id as call_id, unnest({array}) as element from calls"
            )


_CALLMART = ("pipelines.warehouse.load",)
_LIBRARIES = {
    "callmart": _CALLMART,
    "callmart_keep": _CALLMART,
    "dlt_nested": ("dlt", "dlt.destinations", "pyarrow.parquet", "msgspec"),
    "duckdb_json": ("duckdb",),
}

WAYS = {
    "callmart": callmart,
    "callmart_keep": callmart_keep,
    "dlt_nested": dlt_nested,
    "duckdb_json": duckdb_json,
}


def main(way: str, pages: Path, folder: Path) -> None:
    """Run one way and print its figures."""
    calls = 100 * len(list(pages.iterdir()))
    started = time.monotonic()
    for library in _LIBRARIES[way]:
        importlib.import_module(library)
    imported, imported_cpu = time.monotonic(), time.process_time()
    WAYS[way](pages, folder)
    figures = {
        "calls_a_second": calls / (time.monotonic() - imported),
        "cpu_us_a_call": (time.process_time() - imported_cpu) / calls * 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "import_seconds": imported - started,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
