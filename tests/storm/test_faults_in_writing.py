"""What would be lost or bent of calls that are written another way than documented. One way at a time.

How a call is written matters to what a load reads of it. All ways together are loaded once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from pipelines.ccaip.package import Package
from pipelines.ccaip.tables import EXTRA, TABLES
from simulator.faults import DATA, SETTLING, Fault
from tests.extraction.oracle import elements, expected_extra
from tests.storm.weather import Weather, a_centre, a_storm, assert_read

pytestmark = pytest.mark.slow

IN_TIME = {
    Fault.MOVING, Fault.LATE, Fault.CROWDED, Fault.FUTURE, Fault.VANISHING, Fault.SHRINKING, Fault.REDACTED,
    Fault.SILENT,
}  # fmt: skip
"""Faults of calls that have tests beside this file."""

LOST = {
    Fault.OFFSETS: "the hours between local time and UTC",
    Fault.NUMERIC_BOOLEANS: "flags written as 0 and 1",
    Fault.TEXT_NUMBERS: "numbers written as text, and calls whose id is",
    Fault.UNKNOWN_KEYS: "calls with keys nobody has documented, and those keys",
    Fault.UNKNOWN_VALUES: "calls with words nobody has documented",
    Fault.NULL_ARRAYS: "calls with null for an array",
    Fault.MISSING_ARRAYS: "calls without the key of an array",
}
END = a_centre().last_change + SETTLING


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, id=LOST.get(fault, f"UNNAMED {fault}")) for fault in sorted(DATA - IN_TIME)],
)
def test_a_load_reads(fault, tmp_path):
    stormy = a_storm(fault).over(a_centre())
    truth = stormy.truth(END)
    struck = [call_id for call_id, call in truth.items() if repr(call) != repr(a_centre().body(call_id, END))]
    assert len(struck) > 50
    with Weather(tmp_path, stormy, END) as weather:
        packages = weather.read()
        assert sum(sum(package.rejected) for package in packages) == 0
        assert_read(packages, truth)
        assert extras_read(packages) == expected_extras(truth)
    assert fault in LOST


def test_a_load_lands_calls_that_are_written_in_all_these_ways(tmp_path):
    stormy = a_storm(*(DATA - IN_TIME)).over(a_centre())
    truth = stormy.truth(END)
    with Weather(tmp_path, stormy, END) as weather:
        report = weather.load()
        assert (report.calls, report.rejected) == (len(truth), 0)
        weather.assert_holds(truth)
        assert extras(weather) == expected_extras(truth)


def expected_extras(truth: dict[int, dict[str, Any]]) -> list[tuple[str, list[int], dict[str, Any]]]:
    """Every row that has undeclared keys: its table, its key, and they."""
    found = []
    for name, table in TABLES.items():
        for call_id, call in truth.items():
            for keys, element in elements(table, call):
                if (extra := expected_extra(table, element)) is not None:
                    found.append((name, list(keys.values()) or [call_id], extra))
    return sorted(found, key=lambda row: row[:2])


def extras_read(packages: Sequence[Package]) -> list[tuple[str, list[int], dict[str, Any]]]:
    """The same as it was read."""
    rows = [
        (name, [row[key] for key in table.key], json.loads(row[EXTRA.name]))
        for name, table in TABLES.items()
        for package in packages
        for row in package.tables[name].to_pylist()
        if row[EXTRA.name] is not None
    ]
    return sorted(rows, key=lambda row: row[:2])


def extras(weather: Weather) -> list[tuple[str, list[int], dict[str, Any]]]:
    """The same as the warehouse has it."""
    asked = " union all ".join(
        f"select '{name}', [{', '.join(table.key)}], {EXTRA.name} from ccaip.{name} where {EXTRA.name} is not null"
        for name, table in TABLES.items()
    )
    rows = [(name, key, json.loads(extra)) for name, key, extra in weather.ask(asked)]
    return sorted(rows, key=lambda row: row[:2])
