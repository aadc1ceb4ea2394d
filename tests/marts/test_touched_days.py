"""When the data tests of a scheduled run would overlook an error in what the run touched, or read everything again."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator.centre import Centre
from tests.increments.rebuild import TABLES
from tests.marts import dbt_raw
from tests.marts.workshop import WAREHOUSE, Workshop
from tests.queries import ask, change

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 2, tzinfo=UTC)
TOUCHED, OTHER = "2026-03-03", "2026-03-06"

FALSIFIED = {
    # what a wrong increment could leave behind on a day, and the tests that see it there
    "insert into marts.fct_calls select * from marts.fct_calls where local_date = '{day}' limit 1": {
        "primary_key_fct_calls_call_id",
    },
    "insert into marts.mart_ivr select * from marts.mart_ivr where local_date = '{day}'": {
        "primary_key_mart_ivr_local_date__queue_id__call_type",
        "mart_ivr_equals_fact",
    },
    "insert into marts.mart_queue_days select * from marts.mart_queue_days where local_date = '{day}'": {
        "primary_key_mart_queue_days_queue_id__local_date",
        "assert_queue_days_agree",
    },
    "update marts.fct_handled_segments set agent_id = -7, acw_seconds = acw_seconds + 5 where local_date = '{day}'": {
        "relationships_fct_handled_segments_agent_id__agent_id__ref_dim_agents_",
        "fct_handled_segments_seconds_add_up",
        "assert_agent_totals_agree",
        "assert_agent_days_agree",
    },
    "update marts.mart_service_level set offered = offered + 1 where local_date = '{day}'": {
        "parts_sum_to_mart_service_level_answered__abandoned__flowed_out__failed__offered",
        "mart_service_level_equals_aggregate",
        "assert_queue_totals_agree",
    },
    "delete from marts.fct_queue_segments where local_date = '{day}'": {
        "agg_queue_intervals_equals_fact",
        "assert_facts_tell_what_landed",
    },
    "update marts.agg_agent_intervals set agent_busy_seconds = agent_busy_seconds + 1 where local_date = '{day}'": {
        "assert_busy_seconds_are_the_union",
    },
    "update marts.mart_queue_intervals set service_level = 2 where local_date = '{day}'": {
        "assert_laws_hold_in_every_mart",
    },
}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop") / "work")


@pytest.fixture(scope="module")
def incremented(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of five days in which increments have changed calls of the second."""
    warehouse = tmp_path_factory.mktemp("incremented") / WAREHOUSE
    now = START + timedelta(days=6)
    centre = Centre.simulate(3, START, days=5, calls_per_day=30)
    calls = [centre.body(each, now) for each in sorted({version.call_id for version in centre.versions(now)})]
    dbt_raw.create_raw(warehouse)
    dbt_raw.land(warehouse, "first", calls)
    workshop.build(warehouse)
    changed = [call for call in calls if call["created_at"].startswith(TOUCHED)]
    for load in ("second", "third"):  # the build after one in full still finds every day in the log
        for call in changed:
            for row in call["queue_durations"]:
                row["queue_duration"] += 1
        dbt_raw.land(warehouse, load, changed)
        workshop.build(warehouse, select=TABLES)
    days = ask(warehouse, "select distinct coalesce(local_date, date_utc) from intermediate.changed_days")
    assert {str(day) for (day,) in days} >= {TOUCHED}
    assert not {str(day) for (day,) in days} & {OTHER, "None"}
    return warehouse


def falsified(warehouse: Path, folder: Path, day: str) -> Path:
    folder.mkdir()
    copy = folder / WAREHOUSE
    shutil.copy(warehouse, copy)
    change(copy, ";\n".join(FALSIFIED).format(day=day))
    return copy


EXPECTED = set().union(*FALSIFIED.values())


def test_an_error_on_a_touched_day_is_found(workshop, incremented, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CALLMART_TESTS_LOOK_AT", "touched")
    assert not workshop.failing_tests(incremented), "a correct increment passes"
    wrong = falsified(incremented, tmp_path / "wrong", TOUCHED)
    assert set(workshop.failing_tests(wrong, sorted(EXPECTED))) == EXPECTED


def test_an_error_on_another_day_is_found_by_a_look_at_everything_alone(
    workshop, incremented, tmp_path, monkeypatch
) -> None:
    wrong = falsified(incremented, tmp_path / "wrong", OTHER)
    assert set(workshop.failing_tests(wrong, sorted(EXPECTED))) == EXPECTED
    monkeypatch.setenv("CALLMART_TESTS_LOOK_AT", "touched")
    # it counts the calls of all days
    assert set(workshop.failing_tests(wrong, sorted(EXPECTED))) == {"assert_facts_tell_what_landed"}
