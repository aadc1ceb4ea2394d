"""After `callmart forget` nothing of the person is left in any file, nobody else is touched, and no count moved."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from pipelines.marts.build import transform
from pipelines.warehouse.publish import publish
from pipelines.warehouse.retry import retry
from tests.extraction.living import seconds
from tests.marts.workshop import parsed
from tests.privacy.callers import (
    ADA,
    ADAS,
    BOB,
    BOB_PHONE,
    CAROL,
    JANE_MAIL,
    KEY,
    NEEDLES,
    OFFICE,
    QUIET,
    UNREADABLE,
    Machine,
    loaded,
    totals,
    traces,
)

pytestmark = pytest.mark.slow

FACTS = ("fct_calls", "fct_queue_segments", "fct_handled_segments", "fct_transfers")
MARTS = ("mart_service_level", "mart_abandonment", "mart_agent_handle_time", "dim_agents")
PARTS = {
    "select queue_id, interval_start_at, sum(offered), sum(answered), sum(answered_in_sl) from marts.mart_service_level group by all":
        "select queue_id, interval_start_at, count(*), count(*) filter (outcome = 'answered'), count(*) filter (is_answered_in_sl)"
        " from marts.fct_queue_segments where outcome <> 'in_progress' group by all",
    "select agent_id, direction, sum(handled_segments), sum(handle_seconds) from marts.mart_agent_handle_time group by all":
        "select agent_id, direction, count(*), sum(handle_seconds) from marts.fct_handled_segments group by all",
}  # fmt: skip
"""What marts add up, and the same from the facts."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Loaded, built and published, under a policy that keeps everything."""
    with loaded(tmp_path_factory.mktemp("whole") / "home") as machine:
        parsed(machine.home)
        transform(machine.home, machine.settings, QUIET, with_tests=False)
        publish(machine.home, machine.settings)
        yield machine


@pytest.fixture(scope="module")
def before(whole: Machine) -> dict[str, list[tuple[object, ...]]]:
    return totals(whole, (*FACTS, *MARTS))


@pytest.fixture(scope="module")
def forgotten(
    whole: Machine, before: dict[str, list[tuple[object, ...]]], tmp_path_factory: pytest.TempPathFactory
) -> Machine:
    """Ada is forgotten; then everything is read again, and the marts are built."""
    machine = whole.copied(tmp_path_factory.mktemp("forgotten") / "home")
    machine.log(NEEDLES[0])
    (machine.home.dbt_target_dir / "run_results.json").write_text(NEEDLES[1])
    assert {needle for _, needle in traces(machine.home.root, *NEEDLES)} == set(NEEDLES), (
        "the search sees them"
    )
    report = machine.forget("end_user", ADA)
    assert (report.calls, report.parties, report.rejected_calls, report.mentions, report.shared) == (
        3,
        1,
        1,
        1,
        1,
    )
    return machine


def test_no_byte_of_any_file_tells_of_the_person(forgotten: Machine) -> None:
    assert traces(forgotten.home.root, *NEEDLES, f'"{ADA}"') == set()
    assert KEY.encode() not in forgotten.home.warehouse.read_bytes()


def test_no_count_moved_and_the_agents_stayed(forgotten: Machine, before) -> None:
    assert totals(forgotten, (*FACTS, *MARTS)) == before
    served = forgotten.ask("select count(*) from ccaip.participants where email = '" + JANE_MAIL + "'")
    assert served == [(7,)], "once a call"
    assert forgotten.ask(f"select count(*) from ccaip.calls where agent_info__email = '{JANE_MAIL}'") == [
        (7,)
    ]


def test_no_failing_test_of_the_marts_can_stand_in_an_erasures_way(forgotten: Machine) -> None:
    """None is run: it would keep the person in the marts for a reason of its own."""
    results = json.loads((forgotten.home.dbt_target_dir / "run_results.json").read_text())["results"]
    kinds = Counter(result["unique_id"].split(".")[0] for result in results)
    assert kinds["model"] > 80
    assert kinds.keys() == {"model", "seed"}


def test_nobody_else_is_touched(forgotten: Machine) -> None:
    others = forgotten.ask(
        "select id, end_user__id, feedback from ccaip.calls where end_user__id is not null order by 1"
    )
    assert others == [(3, BOB, None), (5, BOB, "I am Bob"), (6, CAROL, "I am Carol")]
    phones = "select phone_number from ccaip.participants where end_user_id is not null order by call_id"
    assert forgotten.ask(phones) == [(BOB_PHONE,), (BOB_PHONE,), (OFFICE,)]


def test_what_reads_it_all_again_does_not_bring_the_person_back(forgotten: Machine, tmp_path) -> None:
    """The overlap, a backfill, the rejected calls and a nightly reconcile."""
    machine = forgotten.copied(tmp_path / "home")
    machine.platform.clock.advance(seconds(600))
    machine.load()
    machine.read_all_again()
    retry(machine.settings, machine.home, QUIET)
    report = machine.reconcile(heal=True)
    assert (report.missing, report.stale, report.vanished, report.problems) == ((), (), (), ())
    assert traces(machine.home.root, *NEEDLES, f'"{ADA}"') == set()
    assert machine.ask("select id, end_user__id from ccaip.calls order by 1") == [
        (1, None), (2, None), (3, BOB), (4, None), (5, BOB), (6, CAROL), (9, None),
    ]  # fmt: skip
    assert machine.ask("select call_key, body from ccaip.rejected_calls where body is null") == [
        (str(UNREADABLE), None)
    ]


@pytest.fixture(scope="module")
def removed(whole: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Ada is forgotten, and her calls go with her."""
    machine = whole.copied(tmp_path_factory.mktemp("removed") / "home")
    machine.forget("end_user", ADA, "removed")
    return machine


def test_when_the_calls_go_the_marts_are_as_though_they_had_never_been(
    whole: Machine, removed: Machine
) -> None:
    """The facts lose the rows of her calls and no others; the marts' parts are what is left of the facts."""
    for fact in FACTS:
        rest = whole.ask(
            f"select columns(c -> c not in ('load_id', 'rules_fingerprint')) from marts.{fact}"
            f" where call_id not in {ADAS} order by all"
        )
        rows = (
            f"select columns(c -> c not in ('load_id', 'rules_fingerprint')) from marts.{fact} order by all"
        )
        assert rest == removed.ask(rows)
    for mart, fact in PARTS.items():
        left = removed.ask(f"select * from ({mart}) order by all")
        assert left == removed.ask(f"select * from ({fact}) order by all")
        assert left != whole.ask(f"select * from ({mart}) order by all"), "her calls had counted"


def test_a_removed_call_leaves_a_restatement_and_no_way_to_itself(whole: Machine, removed: Machine) -> None:
    known = "select count(*), count(distinct queue_segment_id) from history.published_queue_segments where call_id in"
    assert whole.ask(f"{known} {ADAS}") == [(3, 3)]
    assert removed.ask(f"{known} {ADAS}") == [(0, 0)]
    (moved,) = removed.ask(
        "select sum(value_before - value_after), sum(calls), any_value(call_ids), any_value(changed_fields)"
        " from marts.mart_restatements where metric = 'offered'"
    )
    assert moved == (3, 3, "", "segment removed")
    versions = "select queue_segment_id, count(*) from history.published_queue_segments where call_id is null group by 1 order by 1"
    assert removed.ask(versions) == [(f"removed-{number}", 2) for number in (1, 2, 3)]
