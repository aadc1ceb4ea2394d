"""Whoever looks at a column and cannot see how personal it is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from dlt.common.schema import Schema

from pipelines.ccaip.check_marts import read
from pipelines.ccaip.generate import DICTIONARY, ROOT, STAGING, model_name
from pipelines.ccaip.privacy.policy import KEEP_ALL, Policy, declared_columns
from pipelines.ccaip.tables import RECORDS, TABLES
from pipelines.home import Home
from pipelines.progress import SilentProgress
from pipelines.warehouse.load import load_new
from simulator.platform import Clock, Credentials, Platform
from tests import queries
from tests.extraction.conftest import TOKEN, USER, settings_for
from tests.storm.weather import NOON, a_centre

KEY = "0123456789abcdef"
POLICIES = {"keep": (KEEP_ALL, ""), "hash": (Policy(), KEY)}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Home]:
    """The same calls, loaded under each policy."""
    homes = {}
    for name, (policy, key) in POLICIES.items():
        homes[name] = home = Home(tmp_path_factory.mktemp(name))
        home.activate()
        with Platform(
            a_centre(), clock=Clock.frozen(NOON), credentials=Credentials(USER, TOKEN), requests_per_second=0
        ) as platform:
            settings = replace(settings_for(platform, home), privacy=policy, privacy_key=key)
            load_new(settings, home, SilentProgress())
    return homes


def ask(home: Home, query: str) -> list[tuple[Any, ...]]:
    return queries.ask(home.warehouse, query)


# --- what is the same under both ------------------------------------------------------------------

CONTACTS = """
    select
        id,
        count(*) over (caller order by queued_at, id rows between unbounded preceding and 1 preceding) as before,
        count(*) over (caller order by queued_at range between current row and interval 1 day following) - 1 as within_a_day
    from ccaip.calls
    where end_user__id is not null and queued_at is not null
    window caller as (partition by end_user__id)
    order by id"""
OF_PARTIES = """
    select calls.id, count(*)
    from ccaip.calls inner join ccaip.participants on calls.end_user__id = participants.end_user_id
    group by calls.id order by calls.id"""


@pytest.mark.parametrize("query", [CONTACTS, OF_PARTIES], ids=["contacts", "parties"])
def test_repeat_contacts_are_the_same_whether_callers_are_kept_or_hashed(loaded, query) -> None:
    kept, hashed = ask(loaded["keep"], query), ask(loaded["hash"], query)
    assert kept == hashed
    assert any(row[1] for row in kept), "somebody called twice"
    callers = "select distinct end_user__id from ccaip.calls where end_user__id is not null"
    assert not set(ask(loaded["keep"], callers)) & set(ask(loaded["hash"], callers))


# --- the catalogue --------------------------------------------------------------------------------


def test_every_column_has_its_class_in_the_database(loaded) -> None:
    comments = {
        (table, column): comment
        for table, column, comment in ask(
            loaded["hash"],
            "select table_name, column_name, comment from duckdb_columns() where schema_name = 'ccaip'",
        )
    }
    for place, column in declared_columns().items():
        assert comments[place] == f"{column.description} (privacy: {column.privacy.value})"


def test_every_column_has_its_class_in_dlts_schema(loaded) -> None:
    ((stored,),) = ask(
        loaded["hash"], "select schema from ccaip._dlt_version order by inserted_at desc limit 1"
    )
    schema = Schema.from_stored_schema(json.loads(stored))
    for (table, name), column in declared_columns().items():
        assert schema.tables[table]["columns"][name]["x-privacy"] == column.privacy.value


def test_every_column_has_its_class_in_dbt_and_in_the_documentation() -> None:
    models, _ = read(ROOT / STAGING)
    by_name = {model["name"]: {each["name"]: each for each in model["columns"]} for model in models}
    dictionary = (ROOT / DICTIONARY).read_text()
    for table in (*TABLES.values(), *RECORDS):
        for (owner, name), column in declared_columns().items():
            if owner == table.name:
                declared = by_name[model_name(table)][column.staging_name]
                assert declared["config"]["meta"]["privacy"] == column.privacy.value
                assert f"| {column.type} | {column.privacy.value} |" in next(
                    line
                    for line in dictionary.partition(f"## {owner}\n")[2].splitlines()
                    if f"| `{name}` |" in line
                )
