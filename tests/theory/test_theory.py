"""Queueing theory as a check of the whole way: a simulated centre, its bodies, raw tables, marts.

Centres that theory can solve are simulated many times over and loaded; what the marts say of them must lie within the
confidence interval around what Erlang C and Erlang A say. Two more tests tell whose fault a difference is: the
simulation alone against theory, and the marts against the simulation, to the last call.

Seeds are fixed, so these tests do not change from run to run. With another seed each of some thirty intervals at
99.9 % would be wrong once in a thousand times, so about one seed in thirty brings a false alarm somewhere.

`CALLMART_THEORY=long python -m pytest tests/theory` runs more systems, more often: minutes instead of seconds.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from simulator.centre import Truth
from simulator.centre.queues import Target
from tests.end_to_end.cells import queue_cells
from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop
from tests.theory.erlang import ErlangC, agents_needed
from tests.theory.estimates import Estimate, ratio, student
from tests.theory.landing import land
from tests.theory.markov import ROUNDING_SECONDS, WRITTEN_EVERY, Passed, Scenario, Theoretical, simulate

LONG = os.environ.get("CALLMART_THEORY") == "long"
SEED, REPLICATIONS, CALLS = (5, 50, 300) if LONG else (1, 30, 250)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if LONG else 600)]

PATIENT = Scenario("Erlang C", 5, 3.0, 300, None, Target(20, 80, 5))
IMPATIENT = Scenario("Erlang A", 6, 6.0, 300, 100, Target(20, 80, 5))
OVERLOADED = Scenario("Erlang A, overloaded", 5, 7.0, 240, 120, Target(30, 50, 10))
SCENARIOS = [PATIENT, IMPATIENT, OVERLOADED]
if LONG:
    SCENARIOS += [
        Scenario("M/M/1", 1, 0.5, 300, None, Target(60, 60, 5)),
        Scenario("M/M/20", 20, 15.0, 240, None, Target(10, 90, 5)),
        Scenario("M/M/30+M", 30, 31.0, 300, 180, Target(20, 70, 10)),
    ]

Parts = Mapping[str, int]
"""What is counted of one queue."""


@dataclass(frozen=True)
class Measure:
    """A ratio of two parts, and its value in theory."""

    name: str
    numerator: str
    denominator: str
    expected: Callable[[Scenario], float]

    def of(self, queues: Sequence[Parts]) -> Estimate:
        return ratio([(queue[self.numerator], queue[self.denominator]) for queue in queues])


def answered_in_time(scenario: Scenario) -> float:
    return scenario.theory.answered_within(scenario.target.seconds + ROUNDING_SECONDS)


def short_abandons(scenario: Scenario) -> float:
    return scenario.theory.abandoned_within(scenario.target.abandon_threshold_seconds + ROUNDING_SECONDS)


SERVICE_LEVEL = Measure(
    "service level", "answered_in_sl", "judged", lambda s: answered_in_time(s) / (1 - short_abandons(s))
)
SPEED_OF_ANSWER = Measure(
    "average speed of answer", "answered_wait_seconds", "answered", lambda s: s.theory.average_speed_of_answer
)
MEASURES = [
    SERVICE_LEVEL,
    SPEED_OF_ANSWER,
    Measure("average queue time", "wait_seconds", "offered", lambda s: s.theory.average_wait),
    Measure("abandonment", "abandoned", "offered", lambda s: s.theory.abandoned),
    Measure("short abandonment", "short_abandoned", "offered", short_abandons),
]
CHECKS = [
    pytest.param(scenario, measure, id=f"{scenario.name}: {measure.name}")
    for scenario in SCENARIOS
    for measure in (MEASURES if scenario.patience_seconds else (SERVICE_LEVEL, SPEED_OF_ANSWER))
]


@pytest.fixture(scope="module")
def theoretical() -> Theoretical:
    return simulate(SEED, SCENARIOS, REPLICATIONS, CALLS)


@pytest.fixture(scope="module")
def happened(theoretical: Theoretical) -> dict[int, Parts]:
    """By queue, of the calls that were written down: the simulation's own account."""
    return by_queue(theoretical.centre.truth(theoretical.centre.last_change))


@dataclass(frozen=True)
class Built:
    """A warehouse with marts, and the SQL of `mart_staffing` as it ran."""

    warehouse: Path
    staffing: str

    def ask(self, query: str) -> list[dict[str, Any]]:
        return dbt_raw.rows(self.warehouse, query)


@pytest.fixture(scope="module")
def built(theoretical: Theoretical, tmp_path_factory: pytest.TempPathFactory) -> Built:
    workshop = Workshop(tmp_path_factory.mktemp("dbt"))
    warehouse = tmp_path_factory.mktemp("theory") / WAREHOUSE
    land(warehouse, theoretical.centre)
    workshop.build(warehouse, select=("+mart_service_level", "+mart_abandonment", "+mart_staffing"))
    staffing = workshop.manifest.nodes["model.callmart.mart_staffing"].compiled_code
    assert staffing
    return Built(warehouse, staffing)


@pytest.fixture(scope="module")
def measured(built: Built) -> dict[int, Parts]:
    """By queue: the marts' account."""
    rows = built.ask("""
        with
        levels as (
            select queue_id, sum(service_level_numerator) as answered_in_sl,
                sum(service_level_denominator) as judged
            from marts.mart_service_level group by all
        ),
        waits as (
            select queue_id, sum(offered) as offered, sum(answered) as answered, sum(abandoned) as abandoned,
                sum(short_abandoned) as short_abandoned, sum(wait_seconds) as wait_seconds,
                sum(answered_wait_seconds) as answered_wait_seconds
            from marts.mart_abandonment group by all
        )
        select * from waits inner join levels using (queue_id)
    """)
    return {row.pop("queue_id"): Counter(row) for row in rows}


def by_queue(truth: Truth) -> dict[int, Parts]:
    queues: dict[int, Counter[str]] = defaultdict(Counter)
    for (_, queue_id, *_), cell in queue_cells(truth).items():
        queues[queue_id].update(cell)
    for parts in queues.values():
        parts["judged"] = parts["answered"] + parts["abandoned"] - parts["short_abandoned"]
        del parts["longest_wait_seconds"], parts["abandoned_wait_seconds"], parts["abandoned_in_sl"]
    return dict(queues)


def counted(waits: Sequence[Passed], target: Target) -> Counter[str]:
    """The same parts of waits that were not written down."""
    parts: Counter[str] = Counter()
    for wait in waits:
        seconds = wait.wait_seconds
        parts["offered"] += 1
        parts["wait_seconds"] += seconds
        if wait.answered:
            parts["answered"] += 1
            parts["answered_wait_seconds"] += seconds
            parts["answered_in_sl"] += seconds <= target.seconds
        else:
            parts["abandoned"] += 1
            parts["short_abandoned"] += seconds <= target.abandon_threshold_seconds
    parts["judged"] = parts["offered"] - parts["short_abandoned"]
    return parts


def queues_of(theoretical: Theoretical, scenario: Scenario) -> list[int]:
    return [run.queue.queue_id for run in theoretical.replications if run.scenario is scenario]


# --- whose numbers agree -------------------------------------------------------------------------------


@pytest.mark.parametrize(("scenario", "measure"), CHECKS)
def test_simulated_callers_wait_as_theory_says(theoretical, happened, scenario, measure):
    """All of them, written down or not: should this fail, the simulation is wrong, whatever the marts say."""
    queues = [
        counted(run.unwritten, scenario.target) + Counter(happened[run.queue.queue_id])
        for run in theoretical.replications
        if run.scenario is scenario
    ]
    found, expected = measure.of(queues), measure.expected(scenario)
    assert found.agrees_with(expected), (found, expected)


def test_marts_count_what_happened_to_every_call(happened, measured):
    """Should this fail, the marts are wrong, or the way to them."""
    assert {queue: dict(+parts) for queue, parts in measured.items()} == {
        queue: dict(+parts) for queue, parts in happened.items()
    }


@pytest.mark.parametrize(("scenario", "measure"), CHECKS)
def test_marts_agree_with_theory(theoretical, measured, scenario, measure):
    found = measure.of([measured[queue] for queue in queues_of(theoretical, scenario)])
    expected = measure.expected(scenario)
    assert found.agrees_with(expected), (found, expected)


def test_patient_callers_never_hang_up(theoretical, measured):
    assert not any(measured[queue]["abandoned"] for queue in queues_of(theoretical, PATIENT))


def test_a_service_level_off_by_three_points_would_be_seen(theoretical, measured):
    """In one scenario at least, if it is off in all; an interval that is too wide agrees with anything."""
    found = [
        SERVICE_LEVEL.of([measured[queue] for queue in queues_of(theoretical, scenario)])
        for scenario in SCENARIOS
    ]
    assert prod(1 - each.sees(0.03) for each in found) < 0.01
    assert prod(1 - each.sees(0.025) for each in found) < 0.1
    # Whole seconds matter nothing beside that.
    for scenario in SCENARIOS:
        exact = scenario.theory.answered_within(scenario.target.seconds)
        assert answered_in_time(scenario) - exact < 0.002


def test_student_as_in_the_tables():
    assert [student(freedom) for freedom in (29, 60, 10**9)] == pytest.approx([3.659, 3.460, 3.291], abs=1e-3)


# --- staffing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_offered_load_is_the_load_that_was_offered(theoretical, built, scenario):
    """Erlangs of all intervals: callers who hang up are counted, as theory counts them."""
    rows = built.ask(
        "select queue_id, sum(offered_load_erlangs) as load from marts.mart_staffing group by all"
    )
    loads = {row["queue_id"]: row["load"] * 1800 * WRITTEN_EVERY for row in rows}
    found = ratio([
        (loads[run.queue.queue_id], run.closes - run.opens)
        for run in theoretical.replications
        if run.scenario is scenario
    ])  # fmt: skip
    assert found.agrees_with(scenario.load), found
    assert found.half_width < scenario.load / 10


def assert_staffed_as_erlang_c_says(row: dict[str, Any]) -> None:
    load, handle = row["offered_load_erlangs"], row["average_handle_time"]
    needed = agents_needed(load, handle, row["target_seconds"], row["target_percent"])
    assert row["agents_needed"] == needed, row
    level = ErlangC(needed, load, handle).answered_within(row["target_seconds"])
    assert row["expected_service_level"] == pytest.approx(level, abs=1e-9), row
    assert row["expected_occupancy"] == pytest.approx(load / needed), row


def test_agents_needed_in_every_interval_are_those_of_erlang_c(built):
    rows = built.ask("select * from marts.mart_staffing")
    assert len(rows) > 1000
    for row in rows:
        assert row["average_handle_time"] == pytest.approx(row["handle_seconds"] / row["handled_segments"])
        assert row["offered_load_erlangs"] == pytest.approx(
            row["offered"] * row["average_handle_time"] / 1800
        )
        assert_staffed_as_erlang_c_says(row)


def staffed(
    built: Built, demands: Sequence[tuple[int, int, int, int | None, int | None]]
) -> list[dict[str, Any]]:
    """The mart's rows for demands made up: (offered, handled_segments, handle_seconds, target, percent)."""
    columns = ("offered", "handled_segments", "handle_seconds", "target_seconds", "target_percent")
    with duckdb.connect() as connection:
        connection.execute(f"attach ':memory:' as {built.warehouse.stem}")
        connection.execute(f"create schema {built.warehouse.stem}.intermediate")
        connection.execute(f"""
            create table {built.warehouse.stem}.intermediate.int_staffing_demand (
                queue_id bigint, {", ".join(f"{column} bigint" for column in columns)},
                queue_name varchar default 'made up', local_date date default date '2026-03-02',
                is_average_of_all_days boolean default false,
                interval_start_at timestamptz default timestamptz '2026-03-02 10:00:00+00',
                interval_start_local timestamp default timestamp '2026-03-02 10:00:00'
            )
        """)
        connection.executemany(
            f"insert into {built.warehouse.stem}.intermediate.int_staffing_demand"
            f" (queue_id, {', '.join(columns)}) values (?, ?, ?, ?, ?, ?)",
            [(number, *demand) for number, demand in enumerate(demands)],
        )
        found = connection.execute(f"select * from ({built.staffing}) order by queue_id")
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_agents_needed_from_a_hundredth_to_fifteen_hundred_erlangs(built):
    rng = Random(SEED)
    demands = []
    for _ in range(300):
        handle, contacts = rng.randint(20, 1200), rng.randint(1, 300)
        offered = max(1, round(10 ** rng.uniform(-2, 3.17) * 1800 / handle))
        percent = rng.choice((0, 50, 70, 80, 90, 95, 99))
        demands.append((offered, contacts, handle * contacts, rng.choice((0, 5, 20, 60, 300)), percent))
    rows = staffed(built, demands)
    loads = [row["offered_load_erlangs"] for row in rows]
    assert min(loads) < 0.1
    assert max(loads) > 1000
    for row in rows:
        assert_staffed_as_erlang_c_says(row)


def test_no_number_of_agents_where_there_is_nothing_to_reckon_with(built):
    """No contact, no target, no percent, contacts that took no time, work for more than 2,000 agents."""
    rows = staffed(built, [
        (10, 0, 0, 20, 80), (10, 1, 180, None, 80), (10, 1, 180, 20, None), (10, 1, 0, 20, 80),
        (13_000, 1, 300, 20, 80),
    ])  # fmt: skip
    assert [row["agents_needed"] for row in rows] == [None] * 5
    assert [row["expected_occupancy"] for row in rows] == [None] * 5
    assert [row["offered_load_erlangs"] for row in rows] == [None, 1, 1, 0, pytest.approx(2166.7, abs=0.1)]


def test_everybody_in_time_is_as_good_as_promised(built):
    """A hundred percent is never reached in theory; so many agents that the rest cannot be told from nothing."""
    for row in staffed(built, [(10, 1, 180, 20, 100), (600, 1, 300, 0, 100), (6000, 1, 300, 20, 100)]):
        assert row["expected_service_level"] == pytest.approx(1, abs=1e-12)
        assert row["agents_needed"] >= agents_needed(row["offered_load_erlangs"], 180, 20, 99.99)
