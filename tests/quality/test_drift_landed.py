"""Drift on its way into the warehouse: counted by load, told once, and stopped where a contract says so."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from pipelines.ccaip.drift import Drift
from pipelines.ccaip.enumerations import known_words, watched
from pipelines.ccaip.privacy.policy import KEEP_ALL, Policy
from pipelines.ccaip.tables import TABLES
from pipelines.cli.console import show_new_drift
from pipelines.errors import QualityError
from pipelines.home import REPOSITORY
from tests.extraction.living import START, LivingCalls, a_call, seconds
from tests.extraction.test_load import ask, loaded

HOUR = timedelta(hours=1)
STATUS = Drift("new_value", "calls", "status", "hibernating")
MOOD = Drift("new_key", "calls", "mood")


@pytest.fixture
def calls() -> LivingCalls:
    calls = LivingCalls()
    for call_id in range(1, 4):
        calls.put(START + seconds(call_id), a_call(call_id, status="hibernating"))
    return calls


def drift_of_runs(home) -> list[tuple]:
    return ask(
        home,
        "select field, value, occurrences, dense_rank() over (order by min_at) from (select *,"
        " min(noticed_at) over (partition by run_id) as min_at from ccaip.drift) order by 4, 1",
    )


def test_drift_is_kept_counted_by_load_and_told_once(home, serve, calls, capsys):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    first = loaded(platform, home)
    assert first.new_drift == Counter({STATUS: 3})
    assert ask(home, "select distinct status from ccaip.calls") == [("hibernating",)]
    calls.put(START + 2 * HOUR, a_call(9, status="hibernating", mood="good"))
    platform.clock.set(START + 3 * HOUR)
    second = loaded(platform, home, overlap_seconds=60)
    assert second.new_drift == Counter({MOOD: 1})
    assert drift_of_runs(home) == [
        ("status", "hibernating", 3, 1),
        ("mood", "", 1, 2),
        ("status", "hibernating", 4, 2),  # the overlap has read the first three again
    ]
    show_new_drift(second.new_drift, KEEP_ALL)
    assert "new key calls.mood (1×): kept in _extra. Reported once" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("drift", "by_default", "when_all_is_kept"),
    [
        (Drift("new_key", "calls", "mood"), "withheld by the privacy policy", "kept in _extra"),
        (Drift("new_value", "calls", "status", "hibernating"), "kept", "kept"),
        (Drift("new_type", "calls", "ends_at", "number, expected an instant"), *2 * ["the call is rejected"]),
        (Drift("new_type", "calls", "updated_at", "missing"), *2 * ["the call is rejected"]),
        (Drift("new_type", "calls", "rating", "text, read as a whole number"), "", ""),
    ],
    ids=str,
)
def test_what_is_said_of_drift_is_what_became_of_it(drift, by_default, when_all_is_kept, capsys):
    for policy, outcome in ((Policy(), by_default), (KEEP_ALL, when_all_is_kept)):
        show_new_drift(Counter({drift: 2}), policy)
        said = f"{drift} (2×){outcome and ': '}{outcome}. Reported once; `callmart status` keeps the count.\n"
        assert capsys.readouterr().out == said


def test_a_broken_contract_lands_nothing_and_a_mended_one_everything(home, serve, calls):
    platform = serve(calls)
    platform.clock.advance(HOUR)
    with pytest.raises(QualityError, match=r"calls\.status: hibernating"):
        loaded(platform, home, fatal_drift=("calls.status",))
    assert ask(home, "select count(*) from ccaip.calls") == [(0,)]
    assert loaded(platform, home, fatal_drift=("calls.fail_reason",)).calls == 3


WATCHED = [(table, column) for table, columns in known_words().items() for column in columns]
UNLISTED = (
    "disconnected_by", "voip_provider", "recording_permission", "finish_reason", "sub_status", "voicemail_reason",
    "offer_type", "answer_type",
)  # fmt: skip
"""Columns of calls with few words, of which the documentation gives no list."""


def path_of(table: str, column: str) -> tuple[str, ...]:
    return next(each.path for each in TABLES[table].columns if each.name == column)


def with_words(call_id: int, word: dict[tuple[str, str], Any]) -> dict[str, Any]:
    """A call that has in each watched column its word."""
    call = a_call(call_id)
    for table, column in WATCHED:
        rows = [call] if table == "calls" else call.setdefault(table, [])
        if not rows:
            rows.append({})
        *above, key = path_of(table, column)
        inner = rows[0].setdefault(above[0], {}) if above else rows[0]
        inner[key] = word[table, column]
    return call


def test_every_watched_column_tells_a_new_word_once_keeps_it_and_is_silent_about_known_ones(home, serve):
    known: dict[tuple[str, str], Any] = {place: min(known_words()[place[0]][place[1]]) for place in WATCHED}
    known |= {place: int(word) for place, word in known.items() if place[1] == "adapter_fail_code"}
    new = {place: 777 if place[1] == "adapter_fail_code" else "unheard_of" for place in WATCHED}
    assert {("calls", column) for column in UNLISTED} <= set(WATCHED)
    calls = LivingCalls()
    calls.put(START + seconds(1), with_words(1, known))
    calls.put(START + HOUR + seconds(1), with_words(2, new))
    platform = serve(calls)
    platform.clock.advance(HOUR)
    assert loaded(platform, home).new_drift == Counter()
    platform.clock.advance(HOUR)
    assert loaded(platform, home).new_drift == Counter(
        {Drift("new_value", table, ".".join(path_of(table, column)), str(new[table, column])): 1
         for table, column in WATCHED}
    )  # fmt: skip
    for table, column in WATCHED:
        key = "id" if table == "calls" else "call_id"
        landed = ask(home, f"select {column} from ccaip.{table} order by {key}")
        assert [str(word) for (word,) in landed] == [str(known[table, column]), str(new[table, column])]


def test_the_page_of_tables_says_which_columns_are_watched():
    page = (REPOSITORY / "docs" / "tables.md").read_text(encoding="utf-8")
    for table, column in WATCHED:
        assert f"| `{table}.{column}` | " in page
    assert [place for place, _ in watched()] == [
        f"{table.name}.{column.name}" for table in TABLES.values() for column in table.columns
        if (table.name, column.name) in WATCHED
    ]  # fmt: skip
