"""A new key must leave no old pseudonym in any file, and every caller the same caller."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.ccaip.privacy.policy import PSEUDONYM, Policy, Pseudonyms
from pipelines.errors import ConfigurationError
from pipelines.warehouse.publish import publish, published_copy
from pipelines.warehouse.rotate_key import RotateReport, longer, missing_parts, rotate
from tests.privacy.callers import (
    ADA,
    ADA_PHONE,
    BOB,
    KEY,
    QUIET,
    Machine,
    loaded,
    make_mart,
    traces,
)

RAW = "select columns(c -> c not in ('_dlt_load_id', '_dlt_id')) from ccaip.{} order by all"
HASHING = Policy(columns={"calls.custom_data_not_secured": Policy().of("contact")})  # inside JSON too


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Loaded under a policy of pseudonyms; Ada forgotten; a mart, published."""
    with loaded(tmp_path_factory.mktemp("hashed") / "home", HASHING) as machine:
        machine.forget("end_user", ADA)
        make_mart(machine)
        publish(machine.home, machine.settings)
        machine.log(Pseudonyms(KEY).of(BOB))
        yield machine


@pytest.fixture
def machine(hashed: Machine, tmp_path: Path) -> Machine:
    return hashed.copied(tmp_path / "home")


def rotated(machine: Machine, key: str) -> tuple[Machine, RotateReport]:
    parts = missing_parts(machine.home, replace(machine.settings, privacy_key=key), key)
    return replace(machine, key=key), rotate(machine.settings, machine.home, QUIET, key, parts)


def pseudonyms(root: Path) -> set[bytes]:
    """Every pseudonym in any byte of any file."""
    files = (each for each in root.rglob("*") if each.is_file())
    return {found for each in files for found in re.findall(PSEUDONYM.pattern.encode(), each.read_bytes())}


def test_no_old_pseudonym_is_left_in_any_file(machine: Machine) -> None:
    before = pseudonyms(machine.home.root)
    known = {Pseudonyms(KEY).of(each).encode() for each in (ADA, BOB, ADA_PHONE)}
    assert known <= before, "the search sees them"
    new, report = rotated(machine, longer(KEY))
    after = pseudonyms(machine.home.root)
    assert before & after == set()
    assert traces(machine.home.root, *(each.decode() for each in before)) == set()
    assert Pseudonyms(new.key).of(BOB).encode() in after
    assert report.parts == 2
    assert report.texts > len(known)


def test_callers_are_the_same_in_raw_tables_marts_copy_and_in_what_is_loaded_next(machine: Machine) -> None:
    copy = published_copy(machine.home, machine.settings)
    same = "select count(*), count(end_user_id), count(distinct end_user_id) from marts.fct_calls"
    before = machine.ask(same)
    new, _ = rotated(machine, longer(KEY))
    bob = Pseudonyms(new.key).of(BOB)
    assert machine.ask(same) == machine.ask(same, copy) == before
    assert machine.ask("select id from staging.stg_calls where end_user__id = '" + bob + "' order by 1") == [
        (3,),
        (5,),
    ]
    assert machine.ask(f"select call_id from marts.fct_calls where end_user_id = '{bob}' order by 1") == [
        (3,),
        (5,),
    ]
    rows = {name: machine.ask(RAW.format(name)) for name in ("calls", "participants", "forgotten")}
    new.read_all_again()
    assert {name: machine.ask(RAW.format(name)) for name in rows} == rows, (
        "loaded anew they are what was rewritten"
    )
    assert new.reconcile().problems == ()


def test_who_was_forgotten_stays_forgotten(machine: Machine) -> None:
    new, _ = rotated(machine, longer(KEY))
    new.read_all_again()
    assert machine.ask("select count(*) from ccaip.calls where id in (1, 2, 4) and end_user__id is null") == [
        (3,)
    ]
    assert traces(machine.home.root, Pseudonyms(new.key).of(ADA)) == {
        ("callmart.duckdb", Pseudonyms(new.key).of(ADA)),
        ("ccaip.forgotten", Pseudonyms(new.key).of(ADA)),
    }
    assert new.forget("end_user", ADA).forgotten_before is not None


def test_a_key_that_the_warehouse_is_not_under_loads_nothing(machine: Machine) -> None:
    for key in ("another-key-0123456789", longer(KEY)):
        with pytest.raises(ConfigurationError, match="not the one"):
            replace(machine, key=key).read_all_again()
    new, _ = rotated(machine, longer(KEY))
    with pytest.raises(ConfigurationError, match="not the one"):
        machine.read_all_again()
    assert new.read_all_again().problems == []


def test_a_rotation_that_was_cut_short_is_finished_and_not_begun_again(machine: Machine) -> None:
    """The key was written, and the warehouse not: what is missing is what was written."""
    key = longer(KEY)
    settings = replace(machine.settings, privacy_key=key)
    assert missing_parts(machine.home, settings, key) == key.rpartition(".")[2]
    new, _ = rotated(machine, key)
    assert missing_parts(machine.home, new.settings, key) == ""
    with pytest.raises(ConfigurationError):
        missing_parts(machine.home, settings, "another-key-0123456789")
