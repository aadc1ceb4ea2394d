"""After `callmart forget` nothing of the person is left in any file, nobody else is touched, and no count moved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.transform import transform
from pipelines.warehouse.publish import publish
from pipelines.warehouse.retry import retry
from tests.extraction.living import seconds
from tests.privacy.callers import (
    ADA,
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
from tests.shared import parsed

pytestmark = pytest.mark.slow

FACTS = ("fct_calls", "fct_queue_segments", "fct_handled_segments", "fct_transfers")
MARTS = ("mart_service_level", "mart_abandonment", "mart_agent_handle_time", "dim_agents")
MODELS_ALONE = ("resource_type:model", "resource_type:seed")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Loaded, built and published, under a policy that keeps everything."""
    with loaded(tmp_path_factory.mktemp("whole") / "home") as machine:
        parsed(machine.home)
        transform(machine.home, machine.settings, QUIET, select=MODELS_ALONE)
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
