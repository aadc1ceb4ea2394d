"""Who is meant, what becomes of the calls, and that it holds: on raw tables alone, where no dbt is needed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ccaip.privacy.callers import callers_columns
from pipelines.ccaip.privacy.policy import KEEP_ALL, Policy, Pseudonyms
from pipelines.ccaip.tables import CHILDREN, TABLES, Privacy
from pipelines.errors import CallmartError, ConfigurationError
from pipelines.forget import forget, preview
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.settings import Settings
from pipelines.steps import KILL_VARIABLE
from pipelines.warehouse.find_person import Subject
from tests.extraction.living import seconds
from tests.privacy.callers import (
    ADA,
    ADA_MAIL,
    ADA_PHONE,
    ADAS,
    BOB,
    CAROL,
    FOUND_OUT_AT,
    JANE_MAIL,
    KEY,
    LOADED_AT,
    NEEDLES,
    OFFICE,
    Machine,
    loaded,
    traces,
)
from tests.soak.machine import PROCESSES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with loaded(tmp_path_factory.mktemp("kept") / "home") as machine:
        yield machine


@pytest.fixture
def machine(kept: Machine, tmp_path: Path) -> Machine:
    kept.platform.clock.set(LOADED_AT)
    return kept.copied(tmp_path / "home")


def test_every_personal_column_is_the_callers_or_an_agents() -> None:
    """A new column of an agent must not go with the caller, a new one of the caller must not stay."""
    agents = {
        f"{table.name}.{column.name}"
        for table in TABLES.values()
        for column in table.columns
        if column.privacy is not Privacy.NONE and column not in callers_columns(table)
    }
    persons = [
        ("calls", "agent_info"), ("transfers", "from_agent"), ("transfers", "to_agent"), ("escalations", "to_agent")
    ]  # fmt: skip
    fields = {name.rpartition("__")[2] for name in agents}
    assert {name.rpartition("__")[0] for name in agents} == {f"{table}.{key}" for table, key in persons}
    assert {"name", "last_name", "first_name", "email", "avatar_url"} <= fields


def test_removed_calls_are_gone_everywhere_and_are_not_missed(machine: Machine) -> None:
    machine.reconcile()
    counted = "select counted_by, sum(counted_by_api), sum(in_warehouse) from ccaip.reconciled_days group by 1 order by 1"
    before = machine.ask(counted)
    report = machine.forget("end_user", ADA, "removed")
    assert report.calls == len(ADAS)
    assert machine.ask("select id from ccaip.calls order by 1") == [(3,), (5,), (6,), (9,)]
    for table in CHILDREN:
        left = machine.ask(f"select count(*) from ccaip.{table.name} where call_id in {ADAS}")
        assert left == [(0,)], table.name
    assert machine.ask("select call_key from ccaip.rejected_calls") == [("8",)]
    machine.platform.clock.advance(seconds(600))
    machine.load()
    machine.read_all_again()
    for options in ({"heal": True}, {"contents": False}):
        report = machine.reconcile(**options)
        assert (report.missing, report.stale, report.vanished, report.problems) == ((), (), (), ()), options
    assert machine.ask("select id from ccaip.calls order by 1") == [(3,), (5,), (6,), (9,)]
    assert machine.ask("select call_key from ccaip.rejected_calls") == [("8",)]
    after = machine.ask(counted)
    assert [row[1] - row[2] for row in after] == [row[1] - row[2] - 1 for row in before], (
        "the unreadable one too"
    )
    assert traces(machine.home.root, *NEEDLES) == set()


def test_a_call_that_turns_out_to_be_a_forgotten_persons_is_removed_when_it_changes(machine: Machine) -> None:
    """It landed before anybody knew whose it was."""
    machine.forget("end_user", CAROL, "removed")
    theirs = "select count(*) from ccaip.{} where {} = 9"
    assert machine.ask(theirs.format("calls", "id")) == [(1,)]
    machine.platform.clock.set(FOUND_OUT_AT + seconds(600))
    machine.load()
    assert machine.ask(theirs.format("calls", "id")) == [(0,)]
    assert machine.ask(theirs.format("participants", "call_id")) == [(0,)]


def test_a_number_leads_to_all_the_person_has(machine: Machine) -> None:
    report = machine.forget("identifier", ADA_PHONE)
    assert (report.calls, report.parties, report.callers) == (len(ADAS), 1, 1)
    assert traces(machine.home.root, *NEEDLES) == set()


def test_a_shared_number_erases_nobody_unless_all_are_meant(machine: Machine) -> None:
    with pytest.raises(CallmartError, match="2 callers"):
        machine.forget("identifier", OFFICE)
    assert {needle for _, needle in traces(machine.home.root, *NEEDLES)} == set(NEEDLES)
    assert machine.ask("select count(*) from ccaip.forgotten") == [(0,)]
    assert machine.forget("identifier", OFFICE, shared=True).callers == 2
    assert traces(machine.home.root, OFFICE, *NEEDLES, "I am Carol") == set()


def test_a_call_by_its_id_goes_alone(machine: Machine) -> None:
    machine.forget("call", "5", "removed")
    machine.read_all_again()
    assert machine.ask("select id from ccaip.calls order by 1") == [(1,), (2,), (3,), (4,), (6,), (9,)]
    assert machine.ask("select end_user__id from ccaip.calls where id = 3") == [(BOB,)]


def test_under_pseudonyms_the_same_person_is_found_by_the_plain_value(tmp_path: Path) -> None:
    with loaded(tmp_path / "home", Policy()) as machine:
        ids = {each: Pseudonyms(KEY).of(each) for each in (ADA, ADA_PHONE, ADA_MAIL)}
        assert machine.forget("identifier", ADA_PHONE).calls == len(ADAS)
        machine.read_all_again()
        assert machine.reconcile().problems == ()
        left = traces(machine.home.root, *NEEDLES, *ids.values())
        assert {place for place, _ in left} <= {"ccaip.forgotten", "callmart.duckdb"}
        assert machine.ask(
            "select count(*) from ccaip.calls where id in (1, 2, 4) and end_user__id is null"
        ) == [(3,)]


def test_what_would_go_is_shown_and_nothing_changes(machine: Machine) -> None:
    before = machine.home.warehouse.read_bytes()
    shown = preview(machine.settings, Subject("end_user", ADA), "anonymous")
    assert machine.home.warehouse.read_bytes() == before
    assert shown.rows == machine.forget("end_user", ADA).rows
    assert shown.rows["participants"] == 6, (
        "two a call, one where the number was dialled out, one in the call of Bob"
    )


def test_nobody_is_found_and_nothing_is_remembered(machine: Machine) -> None:
    with pytest.raises(CallmartError, match="Nobody"):
        machine.forget("identifier", JANE_MAIL)
    with pytest.raises(CallmartError, match="Nobody"):
        machine.forget("end_user", "2")
    assert machine.ask("select count(*) from ccaip.forgotten") == [(0,)]


def test_behind_a_symbolic_link_the_file_itself_is_cleaned(machine: Machine, tmp_path: Path) -> None:
    """Replacing the link would leave the old file, with the person in it, where the link pointed."""
    link, disk = machine.home.warehouse, tmp_path / "disk"
    disk.mkdir()
    target = link.rename(disk / "calls.duckdb")
    link.symlink_to(target)
    assert traces(disk, *NEEDLES), "the search sees the person"
    machine.forget("end_user", ADA)
    assert link.is_symlink()
    assert link.resolve() == target
    assert traces(disk, *NEEDLES) == set()
    assert traces(link.parent, *NEEDLES) == set()


def test_without_a_key_it_says_which_command_makes_one(machine: Machine) -> None:
    machine.key = ""
    with pytest.raises(ConfigurationError) as caught:
        machine.forget("end_user", ADA)
    assert "callmart privacy make-key" in caught.value.mend


def test_the_audit_tells_that_it_was_done_and_not_to_whom_and_no_load_goes_without_the_key(
    machine: Machine,
) -> None:
    machine.forget("end_user", ADA)
    columns = "asked_by, choice, calls, rejected_calls, mentions, finished_at > asked_at"
    assert machine.ask(f"select {columns} from ccaip.erasures") == [("end_user", "anonymous", 3, 1, 1, True)]
    assert traces(machine.home.root, *NEEDLES) == set()
    again = machine.forget("end_user", ADA)
    assert again.rows == {}
    assert again.forgotten_before is not None
    assert machine.ask("select count(*) from ccaip.erasures") == [(1,)]
    machine.key = ""
    with pytest.raises(ConfigurationError, match="Without the key"):
        machine.read_all_again()


@pytest.mark.parametrize(
    "moment", ["forget:2", *(pytest.param(each, marks=pytest.mark.long) for each in ("forget:1", "forget:3"))]
)
def test_cut_short_it_is_finished_by_the_same_command_and_a_load_between_brings_nobody_back(
    machine: Machine, moment: str
) -> None:
    machine.log(ADA_PHONE)
    process = PROCESSES.Process(target=_forget_and_die, args=(machine.home.root, moment))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert machine.ask("select finished_at from ccaip.erasures") in ([], [(None,)])
    machine.read_all_again()
    machine.forget("end_user", ADA)
    assert traces(machine.home.root, *NEEDLES) == set()
    assert machine.ask("select calls, finished_at is not null from ccaip.erasures") == [(3, True)]
    assert [file.name for file in machine.home.warehouse.parent.iterdir()] == ["callmart.duckdb"]


def _forget_and_die(root: Path, moment: str) -> None:
    os.environ[KILL_VARIABLE] = moment
    home = Home(root)
    home.activate()
    settings = Settings(home.warehouse, privacy=KEEP_ALL, privacy_key=KEY)
    forget(settings, home, SilentProgress(), Subject("end_user", ADA), "anonymous")
