"""Compare every cell of the marts with the oracle's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.marts import dbt_raw
from tests.oracle.call_marts import call_marts
from tests.oracle.cells import Cells, Row
from tests.oracle.centre import Centre
from tests.oracle.handle_marts import handle_marts
from tests.oracle.queue_marts import queue_marts
from tests.oracle.raw import Json

COVERED = (
    *(
        "mart_service_level",
        "mart_abandonment",
        "mart_queue_intervals",
        "mart_queue_days",
        "mart_wait_percentiles",
    ),
    *("mart_agent_handle_time", "mart_queue_handle_time", "agg_agent_intervals"),
    *(
        "mart_transfers",
        "mart_virtual_agent",
        "mart_ivr",
        "mart_deflection_and_callbacks",
        "mart_repeat_contacts",
    ),
)
"""The marts that the oracle covers."""


def differences(
    database: Path,
    calls: Sequence[Json],
    *,
    reporting_timezone: str = "UTC",
    queue_timezones: Mapping[int, str] | None = None,
) -> list[str]:
    """What the marts of a built database say otherwise than the oracle, counted from the bodies that landed.

    `queue_timezones` is what the seed of that name says. Each difference names mart, row, column and both values. Empty when all cells are equal, and no column is
    left out.
    """
    with dbt_raw.held_open(database):
        return [
            difference
            for cells in expected(calls, reporting_timezone, queue_timezones or {})
            for difference in _differences(database, cells)
        ]


def expected(
    calls: Sequence[Json], reporting_timezone: str, queue_timezones: Mapping[int, str]
) -> list[Cells]:
    """The oracle's result for every mart it covers, from the last version of each call."""
    newest = {call["id"]: call for call in calls}
    centre = Centre(list(newest.values()), reporting_timezone, queue_timezones)
    return [*queue_marts(centre), *handle_marts(centre), *call_marts(centre)]


def _differences(database: Path, cells: Cells) -> list[str]:
    actual: dict[tuple[Any, ...], Row] = {}
    found = []
    for row in dbt_raw.rows(database, f"select * from marts.{cells.mart}"):
        key = tuple(row.pop(name) for name in cells.keys)
        if key in actual:
            found.append(f"{cells.mart} {_shown(cells, key)}: twice")
        actual[key] = row
    found += [f"{cells.mart} {_shown(cells, key)}: missing" for key in cells.rows.keys() - actual.keys()]
    found += [f"{cells.mart} {_shown(cells, key)}: too many" for key in actual.keys() - cells.rows.keys()]
    for key in cells.rows.keys() & actual.keys():
        ours, theirs = cells.rows[key], actual[key]
        found += [
            f"{cells.mart} {_shown(cells, key)}: {column} is {_told(theirs, column)}, should be {_told(ours, column)}"
            for column in sorted(ours.keys() | theirs.keys())
            if column not in ours or column not in theirs or not _equal(ours[column], theirs[column])
        ]
    return sorted(found)


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-9)
    return bool(ours == theirs)


def _told(row: Row, column: str) -> str:
    return repr(row[column]) if column in row else "no column"


def _shown(cells: Cells, key: tuple[Any, ...]) -> str:
    return ", ".join(f"{name}={value}" for name, value in zip(cells.keys, key, strict=True))
