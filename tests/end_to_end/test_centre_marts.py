"""The marts against what really happened, and an incremental run against a full one.

One centre, loaded over HTTP while its calls go on: in the middle of a busy day, and when all is over. The long form
loads some hours later, too, builds in full at the end, and runs dbt's data tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.ccaip.check_marts import DECIDED, MODELS, read
from pipelines.ccaip.privacy.policy import personal_columns
from pipelines.ccaip.tables import TABLES
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.warehouse.load import LoadReport, load_new
from simulator.centre import Centre
from simulator.platform import Platform
from tests.end_to_end.call_cells import (
    DAY_KEY,
    DEFLECTION_PARTS,
    MACHINE_KEY,
    MACHINE_PARTS,
    MENU_PARTS,
    REPEAT_PARTS,
    TRANSFER_KEY,
    TRANSFER_PARTS,
    deflection_cells,
    machine_cells,
    menu_cells,
    repeat_cells,
    transfer_cells,
)
from tests.end_to_end.cells import (
    AGENT_KEY,
    AGENT_PARTS,
    QUEUE_KEY,
    QUEUE_PARTS,
    Cells,
    agent_cells,
    queue_cells,
)
from tests.extraction.test_load import assert_equals_platform
from tests.marts.dbt_raw import held_open
from tests.marts.workshop import Workshop
from tests.tenant import settings_for, tenant

START = datetime(2026, 3, 6, 14, tzinfo=UTC)  # a Friday; New York changes its clocks on the Sunday
ZONE = "America/New_York"
QUIET = SilentProgress()

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def centre() -> Centre:
    return Centre.simulate(seed=11, start=START, days=3, calls_per_day=220, time_zone=ZONE)


@dataclass
class Setting:
    """A centre behind its platform, and the warehouse that follows it."""

    centre: Centre
    platform: Platform
    home: Home
    settings: Settings
    workshop: Workshop

    def load_at(self, moment: datetime) -> LoadReport:
        """Load what changed by then, and build."""
        self.platform.clock.set(moment)
        report = load_new(self.settings, self.home, QUIET)
        self.workshop.build(self.home.warehouse)
        return report

    def held_open(self) -> AbstractContextManager[None]:
        """For a block that asks much and writes nothing."""
        return held_open(self.home.warehouse)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            return connection.execute(query).fetchall()

    def cells(self, mart: str, key: tuple[str, ...], parts: tuple[str, ...], where: str = "true") -> Cells:
        return self._cells(f"select {', '.join((*key, *parts))} from marts.{mart} where {where}", key, parts)

    def totals(self, mart: str, key: tuple[str, ...], parts: tuple[str, ...]) -> Cells:
        """Cells at a coarser grain than the mart's."""
        sums = [f"cast(sum({part}) as bigint)" for part in parts]
        return self._cells(f"select {', '.join((*key, *sums))} from marts.{mart} group by all", key, parts)

    def _cells(self, query: str, key: tuple[str, ...], parts: tuple[str, ...]) -> Cells:
        rows = self.ask(query)
        return {row[: len(key)]: dict(zip(parts, row[len(key) :], strict=True)) for row in rows}


@pytest.fixture
def setting(centre: Centre, tmp_path: Path) -> Iterator[Setting]:
    home = Home(tmp_path / "centre")
    home.activate()
    with tenant(centre, START) as platform:
        settings = settings_for(platform, home, START, settle_seconds=0, reporting_timezone=ZONE)
        yield Setting(centre, platform, home, settings, Workshop(home.dbt_target_dir / "workshop", ZONE))


def assert_cells_equal(found: Cells, expected: Cells, parts: tuple[str, ...]) -> None:
    assert found.keys() == expected.keys()
    wrong = {
        key: {part: (cell[part], expected[key][part]) for part in parts if cell[part] != expected[key][part]}
        for key, cell in found.items()
    }
    assert not {key: differences for key, differences in wrong.items() if differences}


def assert_marts_tell_the_truth(setting: Setting) -> None:
    truth = setting.centre.truth(setting.platform.clock.now())
    expected = queue_cells(truth)
    assert_cells_equal(
        setting.cells("mart_service_level", QUEUE_KEY, QUEUE_PARTS, "offered > 0"), expected, QUEUE_PARTS
    )
    waits = ("wait_seconds", "longest_wait_seconds", "answered_wait_seconds", "abandoned_wait_seconds")
    assert_cells_equal(setting.cells("mart_abandonment", QUEUE_KEY, waits, "offered > 0"), expected, waits)
    worked = setting.cells("mart_agent_handle_time", AGENT_KEY, AGENT_PARTS)
    agents = agent_cells(truth, ZONE)
    about_calls: list[tuple[str, tuple[str, ...], tuple[str, ...], Cells]] = [
        ("mart_transfers", TRANSFER_KEY, TRANSFER_PARTS, transfer_cells(truth, ZONE)),
        ("mart_virtual_agent", MACHINE_KEY, MACHINE_PARTS, machine_cells(truth, ZONE)),
        ("mart_ivr", DAY_KEY, MENU_PARTS, menu_cells(truth, ZONE)),
        ("mart_deflection_and_callbacks", DAY_KEY, DEFLECTION_PARTS, deflection_cells(truth, ZONE)),
        ("mart_repeat_contacts", DAY_KEY, REPEAT_PARTS, repeat_cells(truth, ZONE)),
    ]
    for mart, key, parts, cells in about_calls:
        assert_cells_equal(setting.totals(mart, key, parts), cells, parts)
    idle = {key for key, cell in worked.items() if key not in agents and not any(cell.values())}
    assert_cells_equal({k: v for k, v in worked.items() if k not in idle}, agents, AGENT_PARTS)


def assert_public_marts_show_nobody(setting: Setting) -> None:
    """Although everything personal was kept: a public mart shows no personal value but agents' names."""
    personal = " union ".join(
        f"select {column.name}::varchar as value from ccaip.{table}"
        for (table, _), column in personal_columns().items()
        if table in TABLES and column.type == "text"
    )
    people = {value for (value,) in setting.ask(personal)} - {None, ""}
    assert len(people) > 100
    models, _ = read(MODELS)
    for name in (each["name"] for each in models if each.get("config", {}).get("access") == "public"):
        texts = (
            f"select column_name from duckdb_columns() where table_name = '{name}' and data_type = 'VARCHAR'"
        )
        for (column,) in setting.ask(texts):
            if column in DECIDED:
                continue
            shown = {value for (value,) in setting.ask(f'select distinct "{column}" from marts.{name}')}
            assert not shown & people, (name, column)


FACTS = (
    "fct_calls", "fct_queue_segments", "fct_handled_segments", "fct_transfers", "fct_virtual_agent_sessions",
)  # fmt: skip
MARTS = (
    "mart_service_level", "mart_abandonment", "mart_agent_handle_time", "mart_queue_intervals", "mart_queue_days",
    "mart_queue_handle_time", "mart_wait_percentiles", "mart_transfers", "mart_virtual_agent", "mart_ivr",
    "mart_deflection_and_callbacks", "mart_repeat_contacts", "mart_service_level_reconciliation", "mart_restatements",
    "mart_staffing",
)  # fmt: skip


def everything(setting: Setting) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every fact and mart."""
    derived = (
        "agg_queue_intervals", "agg_agent_days", "agg_agent_intervals",
        "dim_agents", "dim_queues", "dim_agent_versions", "dim_queue_versions",
    )  # fmt: skip
    tables = (*FACTS, *MARTS, *derived)
    return {name: setting.ask(f"select * from marts.{name} order by all") for name in tables}


@pytest.mark.parametrize(
    "is_long", [False, pytest.param(True, marks=pytest.mark.long)], ids=["two loads", "three loads"]
)
def test_marts_equal_the_truth_while_calls_go_on(setting, is_long):
    """`tests/increments` compares increments with a full build for calls that change in every way; data tests see a
    simulated centre in `tests/marts`.
    """
    midday = START + timedelta(hours=3)
    setting.load_at(midday)
    assert setting.ask("select count(*) from marts.fct_queue_segments where outcome = 'in_progress'") != [
        (0,)
    ]
    with setting.held_open():
        assert_marts_tell_the_truth(setting)

    if is_long:
        setting.load_at(START + timedelta(hours=30))
        with setting.held_open():
            assert_marts_tell_the_truth(setting)

    over = setting.centre.last_change + timedelta(seconds=1)
    last = setting.load_at(over)
    assert last.since is not None
    assert last.since > START + timedelta(hours=2)
    truth = {
        version.call_id: setting.centre.body(version.call_id, over)
        for version in setting.centre.versions(over)
    }
    assert_equals_platform(setting.home, truth)
    with setting.held_open():
        assert_marts_tell_the_truth(setting)
    assert setting.ask("select count(*) from marts.fct_queue_segments where outcome = 'in_progress'") == [
        (0,)
    ]

    with setting.held_open():
        assert_public_marts_show_nobody(setting)
        incremental = everything(setting)
    if not is_long:
        return
    setting.workshop.build(setting.home.warehouse, full_refresh=True)
    assert setting.workshop.failing_tests(setting.home.warehouse) == {}
    with setting.held_open():
        full = everything(setting)
    for name, rows in incremental.items():
        assert rows == full[name], name


def test_the_centre_gave_every_outcome_something_to_count(centre):
    truth = centre.truth(centre.last_change)
    outcomes = {segment.outcome for segment in truth.queue_segments}
    assert outcomes >= {"answered", "abandoned", "flowed_out", "failed"}
    assert any(segment.is_ringing_abandon for segment in truth.queue_segments)
    assert any(segment.barged for segment in truth.handled_segments)
    assert replace(truth).calls
