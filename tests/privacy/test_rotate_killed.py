"""A rotation that is killed must leave the warehouse under one key, and the same command must finish it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.ccaip.privacy.policy import PSEUDONYM, Pseudonyms
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.steps import KILL_VARIABLE
from pipelines.warehouse.publish import publish
from pipelines.warehouse.rotate_key import longer, missing_parts, rotate
from tests.privacy.callers import BOB, KEY, QUIET, Machine, loaded, make_mart
from tests.privacy.test_rotate import HASHING
from tests.soak.machine import PROCESSES

NEW_KEY = longer(KEY)
EVERY_PSEUDONYM = re.compile(PSEUDONYM.pattern.encode())


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with loaded(tmp_path_factory.mktemp("hashed") / "home", HASHING) as machine:
        make_mart(machine)
        publish(machine.home, machine.settings)
        yield machine


def _rotate(root: Path, settings: Settings, moment: str) -> None:
    os.environ[KILL_VARIABLE] = moment
    home = Home(root)
    home.activate()
    key = settings.privacy_key
    rotate(settings, home, QUIET, key, missing_parts(home, settings, key))


def pseudonyms(*files: Path) -> set[bytes]:
    return {found for file in files for found in EVERY_PSEUDONYM.findall(file.read_bytes())}


@pytest.mark.parametrize(
    "moment",
    [
        "rotate:8",
        "publish:1",
        *(pytest.param(each, marks=pytest.mark.long) for each in ("rotate:1", "rotate:30")),
    ],
)
def test_killed_in_the_middle_all_is_old_or_all_is_new_and_the_same_command_finishes_it(
    hashed: Machine, tmp_path: Path, moment: str
) -> None:
    machine = hashed.copied(tmp_path / "home")
    settings = replace(machine.settings, privacy_key=NEW_KEY)
    old = pseudonyms(machine.home.warehouse)
    process = PROCESSES.Process(target=_rotate, args=(machine.home.root, settings, moment))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    found = pseudonyms(machine.home.warehouse)
    is_new = moment.startswith("publish")
    assert Pseudonyms(NEW_KEY if is_new else KEY).of(BOB).encode() in found
    assert found.isdisjoint(old) if is_new else found == old, "the warehouse is under one key"
    # killed before the published copy, the warehouse is done: then it is turned once more, by a key of three parts
    key = longer(NEW_KEY) if is_new else NEW_KEY
    parts = missing_parts(machine.home, replace(settings, privacy_key=key), key)
    assert parts == key.rpartition(".")[2]
    rotate(settings, machine.home, QUIET, key, parts)
    left = pseudonyms(*(each for each in machine.home.root.rglob("*") if each.is_file()))
    assert left.isdisjoint(old)
    assert Pseudonyms(key).of(BOB).encode() in left
    assert [file.name for file in machine.home.warehouse.parent.iterdir()] == ["callmart.duckdb"]
