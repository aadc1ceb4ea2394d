"""What one build misses, the next one makes good: failed models, models built alone, loads that were cut short."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from dbt.artifacts.resources import FileHash

from simulator.centre import Centre
from tests.increments.changes import ARRAYS, CHANGES
from tests.increments.histories import START
from tests.increments.rebuild import CALLS_OF_A_BUILD, differences
from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop, WorkshopError

pytestmark = pytest.mark.slow

FACTS = (
    "fct_calls", "fct_queue_segments", "fct_handled_segments", "fct_transfers", "fct_virtual_agent_sessions",
    "int_agent_work",
)  # fmt: skip
ALL = tuple(f"+{name},config.materialized:{kind}" for name in FACTS for kind in ("table", "incremental"))
"""The facts and the tables they are computed from; views exist."""
RELATIONS = tuple(f"{'intermediate' if name.startswith('int_') else 'marts'}.{name}" for name in FACTS)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="module")
def calls() -> list[Json]:
    """The calls of half a day, in which every fact has rows."""
    centre, end = Centre.simulate(3, START, days=0.5, calls_per_day=120), START + timedelta(days=1)
    ids = sorted({version.call_id for version in centre.versions(end)})
    return [copy.deepcopy(centre.body(call_id, end)) for call_id in ids]


@pytest.fixture(scope="module")
def built(workshop: Workshop, calls: list[Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse after a build in full and an increment, so that steps hold the calls of the increment."""
    database = tmp_path_factory.mktemp("built") / WAREHOUSE
    dbt_raw.create_raw(database)
    dbt_raw.land(database, "first", calls[:-3])
    workshop.build(database, select=["resource_type:seed", *(f"+{name}" for name in FACTS)])
    dbt_raw.land(database, "second", calls[-3:])
    workshop.build(database, select=ALL)
    for relation in RELATIONS:
        assert dbt_raw.rows(database, f"from {relation}"), relation
    return database


@pytest.fixture
def database(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(built, tmp_path / WAREHOUSE))


@contextmanager
def broken(workshop: Workshop, name: str) -> Iterator[None]:
    """A model that fails after it has read what it needs."""
    node = workshop.manifest.nodes[f"model.callmart.{name}"]
    before = node.raw_code
    node.raw_code = before + "\nlimit (select error('planted'))"
    try:
        yield
    finally:
        node.raw_code = before


def change(call: Json, number: int) -> Json:
    """The call with other seconds and shorter arrays, so that every fact has to replace its rows."""
    changed, random = copy.deepcopy(call), Random(number)
    for name in ("arrays shrunken", "waited longer", "worked longer", "another kind"):
        CHANGES[name](changed, random)
    return changed


def assert_equal_to_a_full_build(workshop: Workshop, database: Path) -> None:
    folder = database.with_name("full")
    folder.mkdir()
    full = Path(shutil.copy(database, folder / WAREHOUSE))
    workshop.build(full, full_refresh=True, select=ALL)
    assert list(differences(workshop, database, full, RELATIONS)) == []


STEPS = [("int_calls_classified",), ("int_queue_rows",), ("changed_calls",)]


@pytest.mark.parametrize(
    "failing",
    [
        [FACTS[::2], FACTS[1::2], *STEPS],
        pytest.param([*((name,) for name in FACTS), *STEPS], marks=pytest.mark.long),
    ],
    ids=["every other fact", "one fact at a time"],
)
def test_what_a_failed_model_missed_is_made_good(
    workshop: Workshop, database: Path, calls: list[Json], failing: list[tuple[str, ...]]
) -> None:
    """Calls that changed, came or went while a model failed, whichever it is; others fail in the next build."""
    share = len(calls) // len(failing)
    for number, names in enumerate(failing):
        some = calls[number * share : (number + 1) * share]
        passing = some[0] | {"id": 8_000_000 + number}
        dbt_raw.land(database, f"load-{number}", [passing, *(change(call, number) for call in some[:-1])])
        with duckdb.connect(str(database)) as connection:
            # One has been loaded for long; the other came while the model before failed, and only some facts have it.
            dbt_raw.forget(connection, some[-1]["id"], 8_000_000 + number - 1)
        with ExitStack() as planted, pytest.raises(WorkshopError, match="planted"):
            for name in names:
                planted.enter_context(broken(workshop, name))
            workshop.build(database, select=ALL)
    workshop.build(database, select=ALL)
    assert_equal_to_a_full_build(workshop, database)
    workshop.build(database, select=ALL)
    assert dbt_raw.rows(database, "from intermediate.changed_calls") == []


BUILT_ALONE = [
    ["fct_calls"],
    ["changed_calls", "fct_calls"],
    ["changed_calls", "int_handle_rows", "int_calls_classified", "int_agent_work"],
    ["int_handled_segments_folded", "fct_handled_segments"],
    ["changed_calls"],
    ["int_calls_classified", "int_queue_rows", "fct_calls"],
]


@pytest.mark.parametrize(
    "stories",
    [BUILT_ALONE[:4], *(pytest.param([alone], marks=pytest.mark.long) for alone in BUILT_ALONE)],
    ids=["four, one after the other", *map(" ".join, BUILT_ALONE)],
)
def test_models_built_alone_lose_nothing(
    workshop: Workshop, database: Path, calls: list[Json], stories: list[list[str]]
) -> None:
    """A fact that counts as built up to calls that its steps do not hold, or loses their rows.

    Each story has calls of its own, and ends with a build of everything.
    """
    assert len(calls) >= 10 * len(stories)
    for number, alone in enumerate(stories):
        own = calls[number * 10 : (number + 1) * 10]
        dbt_raw.land(database, f"third-{number}", [change(call, 1) for call in own[:5]])
        workshop.build(database, select=alone)
        dbt_raw.land(database, f"fourth-{number}", [change(call, 2) for call in own[3:8]])
        with duckdb.connect(str(database)) as connection:
            dbt_raw.forget(connection, own[0]["id"], own[9]["id"])
        workshop.build(database, select=alone)
        workshop.build(database, select=ALL)
    assert_equal_to_a_full_build(workshop, database)


def test_a_fact_is_not_built_in_full_from_the_calls_of_an_increment(
    workshop: Workshop, database: Path, calls: list[Json]
) -> None:
    """It would be silently empty. With its steps it is built."""
    rows = dbt_raw.rows(database, "from marts.fct_calls order by all")
    with pytest.raises(
        WorkshopError, match=r"fct_calls has to be computed for every call.*--select \+fct_calls"
    ):
        workshop.build(database, full_refresh=True, select=["fct_calls"])
    assert dbt_raw.rows(database, "from marts.fct_calls order by all") == rows
    with duckdb.connect(str(database)) as connection:
        connection.execute("drop table marts.fct_transfers; delete from marts.fct_calls")
    with pytest.raises(WorkshopError, match=r"--select \+fct_transfers"):
        workshop.build(database, select=["fct_transfers"])
    dbt_raw.land(database, "third", [change(call, 1) for call in calls[:5]])
    workshop.build(database, full_refresh=True, select=[each for each in ALL if "+fct_calls" in each])
    workshop.build(database, select=ALL)
    assert_equal_to_a_full_build(workshop, database)


def test_a_full_refresh_that_failed_is_made_good(workshop: Workshop, database: Path) -> None:
    """After a change of a macro, which no fingerprint knows, a full refresh must reach every row."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("update marts.fct_transfers set kind = 'by an older macro'")
    with broken(workshop, "fct_transfers"), pytest.raises(WorkshopError, match="planted"):
        workshop.build(database, full_refresh=True, select=ALL)
    workshop.build(database, select=ALL)
    assert_equal_to_a_full_build(workshop, database)


def test_a_fact_whose_rules_changed_is_computed_again_and_no_other(
    workshop: Workshop, database: Path
) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("update marts.fct_transfers set kind = 'by older rules'")
        connection.execute("update marts.fct_queue_segments set queue_name = 'not computed again'")
    node = workshop.manifest.nodes["model.callmart.fct_transfers"]
    before = node.checksum
    node.checksum = FileHash.from_contents("another model")
    workshop.manifest.build_flat_graph()  # what macros see of it
    try:
        workshop.build(database, select=ALL)
    finally:
        node.checksum = before
        workshop.manifest.build_flat_graph()
    assert not dbt_raw.rows(database, "from marts.fct_transfers where kind = 'by older rules'")
    assert not dbt_raw.rows(
        database, "from marts.fct_queue_segments where queue_name <> 'not computed again'"
    )


def test_lists_that_are_missing_make_every_call_changed(
    workshop: Workshop, database: Path, calls: list[Json]
) -> None:
    """What changed since is unknown then: a warehouse of an older version, or a table that somebody dropped."""
    dbt_raw.land(database, "third", [change(call, 1) for call in calls[:5]])
    workshop.build(database, select=["changed_calls"])
    with duckdb.connect(str(database)) as connection:
        connection.execute("drop table intermediate.changed_calls")
    workshop.build(database, select=ALL)
    assert_equal_to_a_full_build(workshop, database)


def test_calls_are_listed_until_their_load_has_landed(
    workshop: Workshop, database: Path, calls: list[Json]
) -> None:
    """A load that is cut short and continues under the same id, with a build in between."""
    bare: Json = {array: [] for array in ARRAYS}
    dbt_raw.land(database, "cut", [call | bare for call in calls[:5]], complete=False)
    workshop.build(database, select=ALL)
    assert len(dbt_raw.rows(database, "from marts.fct_calls where load_id is null")) == 5
    dbt_raw.land(database, "cut", calls[:7])
    workshop.build(database, select=ALL)
    assert not dbt_raw.rows(database, "from marts.fct_calls where load_id is null")
    assert_equal_to_a_full_build(workshop, database)


def test_an_increment_computes_the_calls_that_changed(
    workshop: Workshop, database: Path, calls: list[Json]
) -> None:
    """Else it would be a full build under another name."""
    changed = [call["id"] for call in calls[:5]]
    dbt_raw.land(database, "third", [change(call, 1) for call in calls[:5]])
    with duckdb.connect(str(database)) as connection:
        dbt_raw.forget(connection, changed[0])
    workshop.build(database, select=ALL)
    listed = dbt_raw.rows(database, "select call_id from intermediate.changed_calls order by all")
    assert [row["call_id"] for row in listed] == sorted(changed)
    held = dbt_raw.rows(database, f"select call_id from {CALLS_OF_A_BUILD} order by all")
    assert [row["call_id"] for row in held] == sorted(changed[1:])
