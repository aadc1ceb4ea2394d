"""Warehouses for the oracle's tests: bodies loaded unchanged, with the marts that the oracle covers."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop
from tests.oracle.compare import COVERED
from tests.oracle.raw import Json

REPORTING_TIMEZONE = "Australia/Lord_Howe"
"""Its clocks change by half an hour. One zone, for a parsed project has one; queues get zones of their own."""


class Builder:
    """Builds warehouses from one parsed project and one set of seeds."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._workshop = Workshop(work, REPORTING_TIMEZONE)
        self._seeded = self._folder("seeded") / WAREHOUSE
        dbt_raw.create_raw(self._seeded)
        self._workshop.build(self._seeded, select=("resource_type:seed",))

    def build(self, name: str, calls: Sequence[Json], queue_timezones: Mapping[int, str]) -> Path:
        """A warehouse with these calls; `queue_timezones` become rows of the seed of that name."""
        database = self._folder(name) / WAREHOUSE
        shutil.copyfile(self._seeded, database)
        dbt_raw.land(database, "load", calls)
        with duckdb.connect(str(database)) as connection:
            for row in queue_timezones.items():
                connection.execute("insert into seeds.queue_timezones values (?, ?)", row)
        self._workshop.build(database, select=[f"+{mart}" for mart in COVERED])
        return database

    def _folder(self, name: str) -> Path:
        folder = self._work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder
